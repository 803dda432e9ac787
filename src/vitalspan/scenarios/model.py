"""What a test file of rules says, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vitalspan.rules.model import Pairs

State = Literal["pending", "firing"]


@dataclass(frozen=True)
class Span:
    """From when to when, in seconds after the beginning of the scenario."""

    begin: float
    end: float


@dataclass(frozen=True)
class OperationTraffic:
    """Something that an operation does for a while."""

    operation: str
    span: Span
    component: str | None = None
    labels: Pairs = ()


@dataclass(frozen=True)
class Calls(OperationTraffic):
    """Calls of an operation, evenly spread.

    Attributes:
        rate: calls a second.
        takes: seconds that each one lasts.
        errors: the share that raises, evenly spread.
        measures: what each one adds to measures.
    """

    rate: float = 1.0
    takes: float = 0.0
    errors: float = 0.0
    measures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Stuck(OperationTraffic):
    """One call that begins and does not end before the span does."""


@dataclass(frozen=True)
class Lookups:
    """Look-ups in a cache: so many a second, a share of which are hits."""

    cache: str
    span: Span
    component: str | None = None
    rate: float = 1.0
    hits: float = 1.0


@dataclass(frozen=True)
class Requests:
    """Calls to an API: so many a second, with the tokens and dollars of each."""

    api: str
    span: Span
    component: str | None = None
    rate: float = 1.0
    errors: float = 0.0
    tokens: float = 0.0
    cost: float = 0.0


@dataclass(frozen=True)
class Samples:
    """A metric of the registry: a value for each tick, None for none. The last one stays."""

    metric: str
    labels: Pairs
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class ExpectedAlert:
    """An alert that shall be there; without a severity, whatever it is."""

    alert: str
    severity: str | None = None
    state: State = "firing"
    labels: Pairs = ()


@dataclass(frozen=True)
class Expectation:
    """All alerts that shall fire at a moment, and those pending ones that are named.

    Attributes:
        at: seconds after the beginning.
        alerts: what is expected.
        place: where in the file it stands.
    """

    at: float
    alerts: tuple[ExpectedAlert, ...]
    place: str


@dataclass(frozen=True)
class Scenario:
    """Traffic, and what shall come of it."""

    name: str
    traffic: tuple[Calls | Stuck | Lookups | Requests, ...] = ()
    samples: tuple[Samples, ...] = ()
    expect: tuple[Expectation, ...] = field(default=())


@dataclass(frozen=True)
class TestFile:
    """Scenarios for rule files.

    Attributes:
        rule_files: what is tested.
        tick: seconds between two evaluations.
        scenarios: each begins anew.
    """

    __test__ = False

    rule_files: tuple[Path, ...]
    tick: float
    scenarios: tuple[Scenario, ...]
