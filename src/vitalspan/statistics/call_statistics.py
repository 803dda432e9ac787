"""Statistics of calls, as returned by `monitor.statistics`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vitalspan.recording.api_usage import MODEL_AMOUNTS
from vitalspan.recording.model_amounts import DURATION, FIRST_TOKEN, ModelAmounts
from vitalspan.statistics.call_text import figures_text, subject_text
from vitalspan.statistics.duration_statistics import DurationStatistics


@dataclass(frozen=True)
class ErrorStatistics:
    """The errors of one type.

    Attributes:
        error_type: the type, as in the label of `operation_errors_total`.
        count: the number of calls that failed with it.
        last_message: the exception message of the latest of them, or the one given to `Call.fail`;
            None if it is not known.
        last_time: when that call ended, in seconds since the Unix epoch; None if it is not known.
        last_trace_id: its trace id in hexadecimal; None for a call without a span.
    """

    error_type: str
    count: int
    last_message: str | None = None
    last_time: float | None = None
    last_trace_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        return dict(vars(self))


@dataclass(frozen=True)
class CacheStatistics:
    """Lookups in one cache."""

    component: str
    name: str
    hits: float
    misses: float

    @property
    def hit_rate(self) -> float | None:
        """The ratio of lookups that found their entry, 0 to 1; None without lookups."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        return {**vars(self), "hit_rate": self.hit_rate}


@dataclass(frozen=True)
class ModelStatistics:
    """Calls to one model of an API.

    Attributes:
        model: the name of the model.
        calls: the number of calls.
        errors: the number of failed calls.
        tokens: the number of tokens.
        cost: the cost in US dollars.
        input_tokens: all input tokens.
        output_tokens: all output tokens.
        cached_tokens: the input tokens that came from the provider's cache.
        reasoning_tokens: the output tokens that were spent on reasoning.
        retries: the number of attempts after the first ones.
        duration: how long the calls took.
        first_token: how long it took until the first token.
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
    duration: DurationStatistics = field(default_factory=DurationStatistics)
    first_token: DurationStatistics = field(default_factory=DurationStatistics)

    @classmethod
    def of(cls, model: str, amounts: ModelAmounts) -> ModelStatistics:
        """Return the figures of a model."""
        sums, durations = amounts.sums, amounts.durations
        return cls(
            model,
            amounts.calls,
            sums.get("errors", 0),
            **{name: sums.get(name, 0) for name in ("tokens", "cost", *MODEL_AMOUNTS)},
            duration=DurationStatistics.of(durations.get(DURATION)),
            first_token=DurationStatistics.of(durations.get(FIRST_TOKEN)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        durations = {DURATION: self.duration.to_dict(), FIRST_TOKEN: self.first_token.to_dict()}
        return {**vars(self), **durations}


@dataclass(frozen=True)
class ApiStatistics:
    """Calls to one API.

    Attributes:
        component: the component of the API.
        name: the name of the API.
        calls: the number of calls.
        errors: the number of failed calls.
        tokens: the number of tokens.
        cost: the cost in US dollars.
        models: the figures of each model, the one with the highest cost first; empty if there are
            none.
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
        """The ratio of failed calls, 0 to 1; None without calls."""
        return self.errors / self.calls if self.calls else None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        models = [one.to_dict() for one in self.models]
        return {**vars(self), "models": models, "error_rate": self.error_rate}


@dataclass(frozen=True)
class CallStatistics:
    """Statistics of the calls of one operation, of one component or of all.

    Durations are in seconds. Values that are undefined without calls are None.

    Attributes:
        component: the component of the calls; None for all components.
        operation: the operation of the calls; None for all operations.
        seconds: the length of the period.
        count: the number of calls that ended.
        errors: the number of failed calls.
        cancellations: the number of cancelled calls.
        error_rate: the ratio of errors to calls that were not cancelled, 0 to 1.
        throughput: calls that ended per second.
        total: the sum of the durations.
        mean: their arithmetic mean.
        min: the shortest duration.
        max: the longest duration.
        stddev: their standard deviation, which is that of the population.
        p50: the median duration.
        p95: the 95th percentile of the durations.
        p99: the 99th percentile of the durations.
        cpu_seconds: the CPU time of the calls whose resources were measured; None if none were.
        memory_growth: the bytes by which resident memory grew during these; None if none were
            measured.
        measures: the sums of the amounts that calls added, by name.
        in_progress: the number of running calls, whatever the period is.
        oldest_in_progress: the age of the oldest of these.
        errors_by_type: the errors by type, the most frequent type first.
        caches: the caches of the component, or all of them; empty for an operation.
        apis: the APIs of the component, or all of them; empty for an operation.
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
        """Return the fields in types that JSON has."""
        return {
            **vars(self),
            "measures": dict(self.measures),
            "errors_by_type": [one.to_dict() for one in self.errors_by_type],
            "caches": [one.to_dict() for one in self.caches],
            "apis": [one.to_dict() for one in self.apis],
        }

    def __str__(self) -> str:
        running = f", {self.in_progress} in progress" if self.in_progress else ""
        subject = subject_text(self.component, self.operation)
        return f"{subject}: {figures_text(self, self.seconds)}{running}"


@dataclass(frozen=True)
class RunningCall:
    """A running call.

    Attributes:
        component: the component of the operation.
        operation: the name of the operation.
        labels: the declared labels.
        start: when it began, in seconds since the Unix epoch.
        age: the seconds since then.
        trace_id: the trace id in hexadecimal; None for a call without a span.
        span_id: the span id in hexadecimal; None for a call without a span.
    """

    component: str
    operation: str
    labels: Mapping[str, str]
    start: float
    age: float
    trace_id: str | None = None
    span_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        return {**vars(self), "labels": dict(self.labels)}
