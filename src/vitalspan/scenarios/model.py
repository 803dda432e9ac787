"""Scenarios: simulated traffic, and the alerts that it should raise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vitalspan.rules.model import Pairs

AlertState = Literal["pending", "firing"]


@dataclass(frozen=True)
class Period:
    """A period of a scenario: its start and end, in seconds after the scenario's start."""

    begin: float
    end: float


@dataclass(frozen=True)
class OperationTraffic:
    """Traffic of one operation during a period."""

    operation: str
    period: Period
    component: str | None = None
    labels: Pairs = ()


@dataclass(frozen=True)
class Calls(OperationTraffic):
    """Calls of an operation, evenly distributed.

    Attributes:
        rate: calls per second.
        takes: the duration of each call in seconds.
        errors: the share of calls that raise, evenly distributed.
        measures: the amounts that each call adds to measures.
    """

    rate: float = 1.0
    takes: float = 0.0
    errors: float = 0.0
    measures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class StuckCall(OperationTraffic):
    """A call that lasts for the whole period."""


@dataclass(frozen=True)
class CacheLookups:
    """Cache lookups: their number per second, and the share of hits."""

    cache: str
    period: Period
    component: str | None = None
    rate: float = 1.0
    hits: float = 1.0


@dataclass(frozen=True)
class ApiCalls:
    """Calls to an API: their number per second, with the tokens and dollars of each."""

    api: str
    period: Period
    component: str | None = None
    rate: float = 1.0
    errors: float = 0.0
    tokens: float = 0.0
    cost: float = 0.0


Traffic = Calls | StuckCall | CacheLookups | ApiCalls


@dataclass(frozen=True)
class InputSeries:
    """A metric of the registry: one value per tick, None for no value. The last one remains."""

    metric: str
    labels: Pairs
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class ExpectedAlert:
    """An expected alert, of any severity if none is given."""

    alert: str
    severity: str | None = None
    state: AlertState = "firing"
    labels: Pairs = ()


@dataclass(frozen=True)
class Expectation:
    """The alerts that should fire at a time, and the pending ones that are named.

    Attributes:
        at: the time in seconds after the scenario's start.
        alerts: the expected alerts.
        place: the place of the expectation in the file, for messages.
    """

    at: float
    alerts: tuple[ExpectedAlert, ...]
    place: str


@dataclass(frozen=True)
class Scenario:
    """Simulated traffic and metrics, and the alerts that they should raise."""

    name: str
    traffic: tuple[Traffic, ...] = ()
    series: tuple[InputSeries, ...] = ()
    expect: tuple[Expectation, ...] = ()


@dataclass(frozen=True)
class ScenarioFile:
    """Scenarios for rule files.

    Attributes:
        rule_files: the files whose rules are tested.
        tick: the evaluation interval in seconds.
        scenarios: the scenarios, each of which starts from an empty state.
    """

    rule_files: tuple[Path, ...]
    tick: float
    scenarios: tuple[Scenario, ...]
