"""Input series for promtool's generated test cases, which give a signal a certain value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.signals.query import Query

_SIZE: Final = 1e10
"""The size of memory or of a disk in bytes."""


class InputSeries(NamedTuple):
    """A metric, and the labels of its series in addition to those of the job."""

    metric: str
    labels: tuple[tuple[str, str], ...] = ()


def labelled(metric: str, label: str, value: str) -> InputSeries:
    """Return a series with one additional label."""
    return InputSeries(metric, ((label, value),))


@dataclass(frozen=True)
class Target:
    """The value that a signal should have.

    Attributes:
        query: the query of the signal.
        value: the value in the signal's base unit.
        calls: calls per second, if the value is a mean or a ratio of calls.
        objective: the objective of the SLO.
        boundaries: the exported bucket boundaries of durations.
    """

    query: Query
    value: float
    calls: float
    objective: float
    boundaries: tuple[float, ...] = DURATION_BOUNDARIES


Samples = dict[InputSeries, float]
"""Counters with their increase per second, gauges with their value; NaN is no sample."""

MakeSamples = Callable[[Target], Samples]


@dataclass(frozen=True)
class Inputs:
    """The input series of a signal in a generated case.

    Attributes:
        make: returns the series that give the signal a value.
        limits: returns the possible minimum and maximum for some bucket boundaries, if these differ
            from the signal's range.
        averaged: whether the value is a mean over calls, which many new calls change at once; a
            rate is not.
        counts_calls: whether the value is the rate of the calls themselves.
    """

    make: MakeSamples
    limits: Callable[[tuple[float, ...]], tuple[float, float]] | None = None
    averaged: bool = False
    counts_calls: bool = False


def plain(metric: str) -> MakeSamples:
    """Return a function that makes a single series with the value."""
    return lambda target: {InputSeries(metric): target.value}


def share(
    part: InputSeries, whole: Mapping[InputSeries, float], rest: InputSeries | None = None
) -> MakeSamples:
    """Return a function that makes one series have a share of the calls.

    Args:
        part: the series with the share.
        whole: the series that count all calls, with their factors.
        rest: the series for the calls that `part` does not count.
    """

    def make(target: Target) -> Samples:
        samples = {series: calls * target.calls for series, calls in whole.items()}
        if rest is not None:
            samples[rest] = (1 - target.value) * target.calls
        return {part: target.value * target.calls, **samples}

    return make


def beside(metric: str, counted: InputSeries) -> MakeSamples:
    """Return a function that makes a rate, together with the series that counts calls."""
    return lambda target: {InputSeries(metric): target.value, counted: target.calls}


def used(available: str, size: str, labels: tuple[tuple[str, str], ...] = ()) -> MakeSamples:
    """Return a function that makes a share of memory or a disk be in use."""
    return lambda target: {
        InputSeries(available, labels): (1 - target.value) * _SIZE,
        InputSeries(size, labels): _SIZE,
    }
