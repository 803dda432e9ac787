"""Recording rules for the rates that alerting rules are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from vitalspan import names
from vitalspan.rules.model import Pairs
from vitalspan.signals.matching import quoted
from vitalspan.signals.units import duration_text

_LEVELS: Final = {
    family.name.removesuffix("_total"): level
    for family, level in (
        (names.CACHE_REQUESTS, "cache"),
        (names.API_CALLS, "api"),
        (names.API_TOKENS, "api"),
        (names.API_COST, "api"),
        (names.SLO_EVENTS, "slo"),
        (names.SLO_BAD_EVENTS, "slo"),
    )
}
"""What tells the series of a metric apart, beside jobs and instances."""


class Recording(NamedTuple):
    """A recording rule."""

    record: str
    expr: str
    labels: Pairs = ()


class Recorder:
    """Names the recorded series that PromQL asks for, and remembers their rules.

    Args:
        per_instance: whether `instance` stays.
        prefix: before the names of vitalspan's own metrics.
    """

    def __init__(self, *, per_instance: bool = False, prefix: str = "") -> None:
        self.asked: dict[Recording, None] = {}
        self._per_instance = per_instance
        self._prefix = prefix

    def rate(self, metric: str, window: float) -> str:
        """Return the series that has the rate of a counter over a window."""
        name = self.series(counted(metric), f"rate{duration_text(window)}")
        return self._record(Recording(name, self._rate(metric, window)))

    def ratio(self, part: str, whole: str, window: float, slo: str) -> str:
        """Return the series that has an SLO's rate of one counter over that of another."""
        name = self.series(counted(part), f"ratio_rate{duration_text(window)}")
        this = f"{{slo={quoted(slo)}}}"
        below = self._rate(whole + this, window)
        expr = f"{self._rate(part + this, window)}\n/\n({below} > 0)"
        return self._record(Recording(name, expr, (("slo", slo),)))

    def _record(self, recording: Recording) -> str:
        self.asked.setdefault(recording)
        return recording.record

    def _rate(self, series: str, window: float) -> str:
        rate = f"rate({series}[{duration_text(window)}])"
        return rate if self._per_instance else f"sum without (instance) ({rate})"

    def named(self, metric: str) -> str:
        """Return what one of vitalspan's own metrics is called in Prometheus."""
        return self._prefix + metric

    def series(self, metric: str, operation: str, level: str = "") -> str:
        """Return the name of a recorded series.

        Args:
            metric: what it is made of, with the prefix.
            operation: what was done to that.
            level: what tells its series apart, beside jobs and instances.
        """
        own = ("job", "instance" if self._per_instance else "", level or self._level(metric))
        return f"{'_'.join(filter(None, own))}:{metric}:{operation}"

    def _level(self, metric: str) -> str:
        # A prefix is part of the metric's name, but says nothing of its labels.
        plain = metric.removeprefix(self._prefix)
        operations = "operation" if plain.startswith("operation_") else ""
        return _LEVELS.get(plain, operations)


def shared(recorders: Iterable[Recorder]) -> set[Recording]:
    """Return what is asked for in more than one place."""
    times = Counter(recording for recorder in recorders for recording in recorder.asked)
    return {recording for recording, count in times.items() if count > 1}


def counted(metric: str) -> str:
    """Return what a counter counts: its rate is no total any more."""
    return metric.removesuffix("_total")


def told_apart_by(metric: str) -> tuple[str, tuple[str, ...]]:
    """Return what a counter is told apart by when it is added up over all that may be many.

    Args:
        metric: a counter of vitalspan's own, without a prefix.

    Returns:
        How the name of its level goes on after jobs and instances, and the labels that stay.
    """
    own = _LEVELS.get(counted(metric), "")
    if own == "slo":
        return own, (own,)
    labels = {"cache": ("cache", "result"), "api": ("api", "outcome")}.get(own, ())
    buckets = ("le",) if metric.endswith("_bucket") else ()
    level = "_".join(filter(None, (names.COMPONENT, own)))
    return level, (names.COMPONENT, *labels, *buckets)
