"""How much of each SLO's error budget is left, and how long it will last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vitalspan.history.history import History
from vitalspan.rules.model import Slo

_RECENT: Final = 3600.0
"""Seconds over which the present burn rate is measured."""


@dataclass(frozen=True)
class SloStatus:
    """An SLO at one moment.

    Attributes:
        name: of the SLO.
        objective: the share of events that shall be good.
        window: seconds that the error budget is for.
        covered: seconds of the window that there is history of; all figures are about these.
        events: calls that were judged.
        bad: those of them that were bad.
        budget_remaining: the share of the error budget that is left, negative when overspent;
            None without events.
        burn_rate: how many times faster than allowed it has been spent over the last hour; None
            without events.
        exhausted_in: seconds until nothing of it is left at that rate; None where it is growing
            or nothing is known, 0 where nothing is left.
    """

    name: str
    objective: float
    window: float
    covered: float
    events: float
    bad: float
    budget_remaining: float | None
    burn_rate: float | None
    exhausted_in: float | None

    @property
    def complete(self) -> bool:
        """Whether there is history of the whole window."""
        return self.covered >= self.window


def status(slo: Slo, history: History, now: float) -> SloStatus:
    """Return how an SLO stands at a tick, seconds on the steady clock."""
    start = history.ticks.start(now, slo.window)
    events, bad = _increase(slo, history, start)
    recent_events, recent_bad = _increase(slo, history, history.ticks.start(now, _RECENT))
    allowed = 1.0 - slo.objective
    remaining = 1.0 - bad / (events * allowed) if events else None
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
    )


def _increase(slo: Slo, history: History, start: float) -> tuple[float, float]:
    tracks = history.slos.with_key(slo.name)
    events = sum(track.increase("events", start) for track in tracks)
    return events, sum(track.increase("bad", start) for track in tracks)


def _exhausted_in(slo: Slo, remaining: float | None, burn: float | None) -> float | None:
    if remaining is None or burn is None:
        return None
    if remaining <= 0:
        return 0.0
    return remaining * slo.window / burn if burn > 0 else None
