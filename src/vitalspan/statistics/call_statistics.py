"""Figures about calls, as `monitor.statistics` returns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ErrorStatistics:
    """The errors of one type.

    Attributes:
        error_type: as the label of `operation_errors_total`.
        count: the calls that failed with it.
        last_message: what the latest of them raised, or what `Call.fail` was told; None if
            nothing is known of it.
        last_time: when that call ended, in seconds since the Unix epoch; None if nothing is known.
        last_trace_id: its trace id in hexadecimal; None for a call without a span.
    """

    error_type: str
    count: int
    last_message: str | None = None
    last_time: float | None = None
    last_trace_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the same in types that JSON has."""
        return dict(vars(self))


@dataclass(frozen=True)
class CacheStatistics:
    """Look-ups in one cache."""

    component: str
    name: str
    hits: float
    misses: float

    @property
    def hit_rate(self) -> float | None:
        """The share of look-ups that found their entry, 0 to 1; None without any."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None

    def to_dict(self) -> dict[str, Any]:
        """Return the same in types that JSON has."""
        return {**vars(self), "hit_rate": self.hit_rate}


@dataclass(frozen=True)
class ModelStatistics:
    """Calls to one model of an API.

    Attributes:
        model: its name.
        calls: all of them.
        errors: those that failed.
        tokens: what they used.
        cost: US dollars that they cost.
        input_tokens: all of the prompts.
        output_tokens: all of the answers.
        cached_tokens: those of the input that came from the provider's cache.
        reasoning_tokens: those of the output that were spent on reasoning.
        retries: attempts beyond the first ones.
    """

    model: str
    calls: float
    errors: float
    tokens: float
    cost: float
    input_tokens: float
    output_tokens: float
    cached_tokens: float
    reasoning_tokens: float
    retries: float

    def to_dict(self) -> dict[str, Any]:
        """Return the same in types that JSON has."""
        return dict(vars(self))


@dataclass(frozen=True)
class ApiStatistics:
    """Calls to one API.

    Attributes:
        component: that it belongs to.
        name: of the API.
        calls: all of them.
        errors: those that failed.
        tokens: what they used.
        cost: US dollars that they cost.
        models: those of a session by model, the one that cost most first.
    """

    component: str
    name: str
    calls: float
    errors: float
    tokens: float
    cost: float
    models: tuple[ModelStatistics, ...] = ()

    @property
    def error_rate(self) -> float | None:
        """The share of calls that failed, 0 to 1; None without any."""
        return self.errors / self.calls if self.calls else None

    def to_dict(self) -> dict[str, Any]:
        """Return the same in types that JSON has."""
        models = [one.to_dict() for one in self.models]
        return {**vars(self), "models": models, "error_rate": self.error_rate}


@dataclass(frozen=True)
class CallStatistics:
    """Figures about the calls of one operation, of one component or of all.

    Durations are in seconds. What cannot be said without calls is None.

    Attributes:
        component: of the calls; None for those of all components.
        operation: of the calls; None for those of all operations.
        seconds: the length of the time that the figures are about.
        count: the calls that ended.
        errors: those that failed.
        cancellations: those that were cancelled.
        error_rate: the share of errors among the calls that were not cancelled, 0 to 1.
        throughput: calls that ended per second.
        total: the sum of the durations.
        mean: their arithmetic mean.
        min: the shortest one.
        max: the longest one.
        stddev: their standard deviation, that of the calls themselves and no estimate of others.
        p50: half of the calls take no longer.
        p95: 95 % of them take no longer.
        p99: 99 % of them take no longer.
        cpu_seconds: the CPU time of the calls whose resources were measured; None if none were.
        memory_growth: the bytes by which resident memory grew during these; None if none were.
        measures: the sums of what the calls added, by name.
        in_progress: the calls inside now, whatever the period.
        oldest_in_progress: the age of the oldest of these.
        errors_by_type: the errors, the most frequent type first.
        caches: of the component, or all of them; empty for an operation.
        apis: of the component, or all of them; empty for an operation.
    """

    component: str | None
    operation: str | None
    seconds: float
    count: int
    errors: int
    cancellations: int
    error_rate: float | None
    throughput: float | None
    total: float
    mean: float | None
    min: float | None
    max: float | None
    stddev: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    cpu_seconds: float | None
    memory_growth: int | None
    measures: Mapping[str, float]
    in_progress: int
    oldest_in_progress: float | None
    errors_by_type: tuple[ErrorStatistics, ...] = ()
    caches: tuple[CacheStatistics, ...] = ()
    apis: tuple[ApiStatistics, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the same in types that JSON has."""
        return {
            **vars(self),
            "measures": dict(self.measures),
            "errors_by_type": [one.to_dict() for one in self.errors_by_type],
            "caches": [one.to_dict() for one in self.caches],
            "apis": [one.to_dict() for one in self.apis],
        }


@dataclass(frozen=True)
class RunningCall:
    """A call that is inside now.

    Attributes:
        component: of the operation.
        operation: its name.
        labels: the declared ones.
        start: when it began, in seconds since the Unix epoch.
        age: the seconds since then.
        trace_id: in hexadecimal; None for a call without a span.
        span_id: in hexadecimal; None for a call without a span.
    """

    component: str
    operation: str
    labels: Mapping[str, str]
    start: float
    age: float
    trace_id: str | None = None
    span_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the same in types that JSON has."""
        return {**vars(self), "labels": dict(self.labels)}
