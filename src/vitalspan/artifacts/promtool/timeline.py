"""A test of one alert over time: the values of its signal, and when it should fire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from vitalspan.compiler.fleet_query import STEPS
from vitalspan.promql.context import PromqlContext
from vitalspan.rules.model import Rule
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.promtool_series import Inputs

_USUAL_OBJECTIVE: Final = 0.99


class ImpossibleError(Exception):
    """A sensible test is not possible; the message says why."""


class Segment(NamedTuple):
    """A time in which the signal has one value. Calls may be more frequent than before."""

    seconds: float
    value: float
    faster: float = 1.0


class Check(NamedTuple):
    """A check that the alert fires, or does not, at a time in seconds after the beginning."""

    at: float
    firing: bool


@dataclass(frozen=True)
class Timeline:
    """A test of one alert.

    Attributes:
        step: the evaluation interval in seconds.
        segments: the values of the signal, from the beginning on.
        checks: the expected states of the alert.
    """

    step: float
    segments: tuple[Segment, ...]
    checks: tuple[Check, ...]

    @property
    def seconds(self) -> float:
        """The length of the test, in seconds."""
        return sum(segment.seconds for segment in self.segments)


def inputs_of(rule: Rule) -> Inputs:
    """Return the series that determine the value of a rule's signal.

    Raises:
        ImpossibleError: if there are none.
    """
    signal = signal_of(rule.query)
    if signal.inputs is None:
        raise ImpossibleError(f"no series are known that make {signal.name}")
    return signal.inputs


def objective_of(rule: Rule, context: PromqlContext) -> float:
    """Return the objective of the SLO that a rule is about, or a usual one."""
    return context.objectives.get(rule.query.slo or "", _USUAL_OBJECTIVE)


def input_step(window: float, step: float) -> float:
    """Return the number of seconds between two samples, so that a window has several of them."""
    fitting = [one for one in STEPS if one <= window / 4 and one <= step and step % one == 0]
    return float(max(fitting, default=1))
