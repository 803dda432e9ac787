"""Detects windows that are too short for the samples that they need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.rules.model import Rule
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.derivations import MIN_TRAINING
from vitalspan.signals.query import Query
from vitalspan.units import SECONDS, duration_text, value_text

USUAL_SCRAPE: Final = 15.0
"""The default scrape interval in seconds."""

LONGEST_INTERVAL: Final = 300.0
"""Seconds after which a series without samples has ended in Prometheus."""

_USUAL_TICK: Final = 5.0
_LEAST_SAMPLES: Final = 2
_GOOD_SAMPLES: Final = 4


class Sampling(NamedTuple):
    """The intervals of scrapes and of evaluations.

    Attributes:
        scrape: seconds between two scrapes.
        interval: seconds between two evaluations; None if a group does not set it.
    """

    scrape: float = USUAL_SCRAPE
    interval: float | None = None

    @property
    def step(self) -> float:
        """The seconds between two values of a signal in Prometheus."""
        return self.interval or self.scrape


USUAL_SAMPLING: Final = Sampling()


def window_problem(query: Query, scrape: float) -> str:
    """Return why Prometheus has no value over a query's window; empty if it has one.

    Args:
        query: the query.
        scrape: seconds between two scrapes.
    """
    signal = signal_of(query)
    window = min(query.window, query.short or query.window)
    if signal.instant or window >= _LEAST_SAMPLES * scrape:
        return ""
    happens = "it would always fire" if signal.absence else "it would never have data"
    good = duration_text(_GOOD_SAMPLES * scrape)
    return (
        f"Prometheus needs at least two samples, but a window of {duration_text(window)} has fewer "
        f"with a scrape every {duration_text(scrape)}, so {happens}: use {good} or more"
    )


def derivation_problem(query: Query, sampling: Sampling) -> str:
    """Return why nothing can be derived over such a short time; empty if it can."""
    if query.derive is None:
        return ""
    kind, over = query.derive.kind, query.derive.over
    if kind == "change":
        least = good = sampling.scrape
        problem = "Prometheus would compare a sample with itself"
    elif kind == "anomaly":
        least = good = MIN_TRAINING * max(_USUAL_TICK, sampling.interval or 0.0)
        problem = f"there are fewer than {MIN_TRAINING} values, too few to say what is unusual"
    else:
        least, good = _LEAST_SAMPLES * sampling.step, _GOOD_SAMPLES * sampling.step
        problem = "Prometheus has fewer than two values, too few for a line"
    if over >= least:
        return ""
    return f"within {duration_text(over)} {problem}: use {duration_text(good)} or more"


def bucket_problem(rule: Rule, boundaries: tuple[float, ...] = DURATION_BOUNDARIES) -> str:
    """Return why a threshold is beyond the buckets of Prometheus; empty if none is.

    Args:
        rule: the rule, which may be on a quantile.
        boundaries: the exported bucket boundaries of durations, in seconds.
    """
    query, last = rule.query, boundaries[-1]
    if query.quantile is None or query.derive is not None:
        return ""
    limits = [level.threshold for level in rule.levels]
    if max(limits) < last or (not rule.above and max(limits) == last):
        return ""
    name, limit = signal_of(query).name, value_text(last, SECONDS)
    return (
        f"in Prometheus {name} is never above {limit}, the last bucket: use less, or latency_mean, "
        "or set larger buckets in the processes and export with --buckets"
    )


def interval_problems(interval: float, query: Query, *, reads_alerts: bool) -> Iterator[str]:
    """Yield what a group with such a long interval misses.

    Args:
        interval: seconds between two evaluations.
        query: the query of one of its rules.
        reads_alerts: whether the rule depends on whether its alert is already firing.
    """
    every = duration_text(interval)
    if interval > query.window and not signal_of(query).instant:
        window = duration_text(query.window)
        yield (
            f"the rule is evaluated every {every} but only looks back {window}, so it misses what "
            f"happens in between: use a window of {every} or more"
        )
    if interval > LONGEST_INTERVAL and reads_alerts:
        yield (
            f"Prometheus forgets after {duration_text(LONGEST_INTERVAL)} that the alert is firing, "
            f"and the group is evaluated every {every}: leave clear and no_data: keep out, or use "
            "a shorter interval"
        )
