"""Scenarios: made-up traffic, and the alerts that are expected to come of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vitalspan.rules.model import Pairs

AlertState = Literal["pending", "firing"]


@dataclass(frozen=True)
class Period:
    """A period of a scenario: its begin and end, in seconds after the scenario's start."""

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
    """Calls of an operation, evenly spread.

    Attributes:
        rate: calls per second.
        takes: seconds that each call lasts.
        errors: the share of calls that raise, evenly spread.
        measures: what each call adds to measures.
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
    """Look-ups in a cache: how many per second, and the share of them that are hits."""

    cache: str
    period: Period
    component: str | None = None
    rate: float = 1.0
    hits: float = 1.0


@dataclass(frozen=True)
class ApiCalls:
    """Calls to an API: how many per second, with the tokens and dollars of each."""

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
    """A metric of the registry: one value for each tick, None for no value. The last one stays."""

    metric: str
    labels: Pairs
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class ExpectedAlert:
    """An alert that is expected; of any severity where none is given."""

    alert: str
    severity: str | None = None
    state: AlertState = "firing"
    labels: Pairs = ()


@dataclass(frozen=True)
class Expectation:
    """The alerts that are expected to fire at a moment, and the pending ones that are named.

    Attributes:
        at: seconds after the scenario's start.
        alerts: the expected alerts.
        place: where the expectation stands in the file, for messages.
    """

    at: float
    alerts: tuple[ExpectedAlert, ...]
    place: str


@dataclass(frozen=True)
class Scenario:
    """Made-up traffic and metrics, and the alerts that they are expected to raise."""

    name: str
    traffic: tuple[Traffic, ...] = ()
    series: tuple[InputSeries, ...] = ()
    expect: tuple[Expectation, ...] = ()


@dataclass(frozen=True)
class ScenarioFile:
    """Scenarios for rule files.

    Attributes:
        rule_files: the files whose rules are tested.
        tick: seconds between two evaluations.
        scenarios: each is played from an empty state.
    """

    rule_files: tuple[Path, ...]
    tick: float
    scenarios: tuple[Scenario, ...]
