"""Series that make a signal have a given value, for the generated cases of promtool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.signals.query import Query

_SIZE: Final = 1e10
"""Bytes of a memory, or of a disk."""


class InputSeries(NamedTuple):
    """A metric, and the labels that its series has beside those of the job."""

    metric: str
    labels: tuple[tuple[str, str], ...] = ()


def labelled(metric: str, label: str, value: str) -> InputSeries:
    """Return a series with one label of its own."""
    return InputSeries(metric, ((label, value),))


@dataclass(frozen=True)
class Target:
    """The value that a signal should have.

    Attributes:
        query: the signal with its arguments.
        value: in the signal's base unit.
        calls: a second, where the value is a mean or a share of calls.
        objective: of the SLO that it is about.
        boundaries: the exported bucket boundaries of durations.
    """

    query: Query
    value: float
    calls: float
    objective: float
    boundaries: tuple[float, ...] = DURATION_BOUNDARIES


Samples = dict[InputSeries, float]
"""Counters with what they grow by in a second, gauges with their value; NaN is no sample."""

MakeSamples = Callable[[Target], Samples]


@dataclass(frozen=True)
class Inputs:
    """The series of a signal in a generated case, and what can be made of them.

    Attributes:
        make: returns the series that give the signal a value.
        limits: returns the least and the most that they can make with bucket boundaries, where that
            is not the signal's range.
        averaged: whether the value is a mean over calls, which many new ones change at once; a
            rate, for example, is none.
        counts_calls: whether the value is the rate of the calls themselves.
    """

    make: MakeSamples
    limits: Callable[[tuple[float, ...]], tuple[float, float]] | None = None
    averaged: bool = False
    counts_calls: bool = False


def plain(metric: str) -> MakeSamples:
    """Return what makes a single series have the value."""
    return lambda target: {InputSeries(metric): target.value}


def share(
    part: InputSeries, whole: Mapping[InputSeries, float], rest: InputSeries | None = None
) -> MakeSamples:
    """Return what makes one series have a share of the calls.

    Args:
        part: the series whose share it is.
        whole: the series that count all calls, and by how much.
        rest: the series that counts the calls that `part` does not count.
    """

    def make(target: Target) -> Samples:
        samples = {series: calls * target.calls for series, calls in whole.items()}
        if rest is not None:
            samples[rest] = (1 - target.value) * target.calls
        return {part: target.value * target.calls, **samples}

    return make


def beside(metric: str, counted: InputSeries) -> MakeSamples:
    """Return what makes a rate, beside the series that counts calls."""
    return lambda target: {InputSeries(metric): target.value, counted: target.calls}


def used(available: str, size: str, labels: tuple[tuple[str, str], ...] = ()) -> MakeSamples:
    """Return what makes a share of a memory or a disk be taken."""
    return lambda target: {
        InputSeries(available, labels): (1 - target.value) * _SIZE,
        InputSeries(size, labels): _SIZE,
    }
