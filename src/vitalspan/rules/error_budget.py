"""The status of an SLO: how much of its error budget is left, and how long it will last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from vitalspan.history.history import History
from vitalspan.history.time_series import TimeSeries
from vitalspan.promql.matchers import match_all
from vitalspan.rules.model import Slo

_RECENT: Final = 3600.0
"""Seconds over which the current burn rate is measured."""


@dataclass(frozen=True)
class SloStatus:
    """The status of an SLO at one moment.

    Attributes:
        name: the name of the SLO.
        objective: the target ratio of good events.
        window: the length of the error budget's window in seconds.
        covered: the seconds of the window with history, which all values are based on.
        events: the number of judged calls.
        bad: the number of bad calls.
        budget_remaining: the ratio of the error budget that is left: 1 while nothing was bad,
            negative when it is overspent.
        burn_rate: how many times faster than allowed it was spent over the last hour; None without
            events.
        exhausted_in: seconds until nothing is left at that rate; None if it is growing or there
            were no events, 0 if nothing is left.
        labels: the values of the labels that separate its error budgets.
    """

    name: str
    objective: float
    window: float
    covered: float
    events: float
    bad: float
    budget_remaining: float
    burn_rate: float | None
    exhausted_in: float | None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True if there is history for the whole window."""
        return self.covered >= self.window


def judge_of_labels(slo: Slo) -> Callable[[Mapping[str, str]], bool] | None:
    """Return a function that judges calls by their labels; None if labels do not matter."""
    if slo.good:
        return partial(match_all, slo.good)
    if slo.bad:
        return lambda labels: not match_all(slo.bad, labels)
    return None


def statuses(slo: Slo, history: History, now: float) -> list[SloStatus]:
    """Return the status of an SLO at a tick, for each of its error budgets.

    Args:
        slo: the SLO.
        history: the history with its events.
        now: the tick, in seconds on the steady clock.
    """
    tracks = history.slos.with_key(slo.name)
    if not slo.by:
        return [_status(slo, history, now, tracks, {})]
    return [
        _status(slo, history, now, [track], {name: track.labels[name] for name in slo.by})
        for track in tracks
    ]


def _status(
    slo: Slo,
    history: History,
    now: float,
    tracks: Sequence[TimeSeries],
    labels: Mapping[str, str],
) -> SloStatus:
    start = history.ticks.start(now, slo.window)
    events, bad = _increase(tracks, start)
    recent_events, recent_bad = _increase(tracks, history.ticks.start(now, _RECENT))
    allowed = 1.0 - slo.objective
    remaining = 1.0 - bad / (events * allowed) if events else 1.0
    burn = recent_bad / (recent_events * allowed) if recent_events else None
    return SloStatus(
        name=slo.name,
        objective=slo.objective,
        window=slo.window,
        covered=min(slo.window, now - start),
        events=events,
        bad=bad,
        budget_remaining=remaining,
        burn_rate=burn,
        exhausted_in=_exhausted_in(slo, remaining, burn),
        labels=labels,
    )


def _increase(tracks: Sequence[TimeSeries], start: float) -> tuple[float, float]:
    events = sum(track.increase("events", start) for track in tracks)
    return events, sum(track.increase("bad", start) for track in tracks)


def _exhausted_in(slo: Slo, remaining: float, burn: float | None) -> float | None:
    if burn is None:
        return None
    if remaining <= 0:
        return 0.0
    return remaining * slo.window / burn if burn > 0 else None
