"""The dataclasses of the older monitors: one operation, one session, one alert."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from vitalspan.recording.call_record import OK, CallRecord
from vitalspan.reports.json_ready import json_ready
from vitalspan.sessions.session_statistics import SessionStatistics

MIB: Final = 1024 * 1024

COUNTS: Final = (
    *("cache_hits", "cache_misses", "api_calls", "api_errors"),
    *("tokens_used", "total_cost"),
)
"""The counts of a session that had names in the older monitors."""


@dataclass
class OperationMetrics:
    """An operation, running or ended.

    Attributes:
        operation_name: the name of the operation.
        start_time: in seconds since the Unix epoch.
        end_time: in seconds since the Unix epoch; None while it is running.
        duration: in seconds; None while it is running.
        memory_before: resident memory in MiB; None if it was not measured.
        memory_after: resident memory afterwards in MiB; None if it was not measured.
        memory_delta: the growth of resident memory in MiB.
        cpu_percent: CPU time relative to the duration, in percent; None if it was not measured.
        success: whether it succeeded.
        error_message: a description of the error.
        metadata: the caller's own data.
    """

    operation_name: str
    start_time: float = field(default_factory=time.time)
    end_time: float | None = None
    duration: float | None = None
    memory_before: float | None = None
    memory_after: float | None = None
    memory_delta: float | None = None
    cpu_percent: float | None = None
    success: bool = True
    error_message: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def finish(self, success: bool = True, error: object = None) -> None:  # noqa: FBT001, FBT002
        """Complete the operation.

        Args:
            success: whether it succeeded.
            error: the error, if there was one.
        """
        self.end_time = time.time()
        self.duration = max(0.0, self.end_time - self.start_time)
        self.success = success and error is None
        self.error_message = None if error is None else str(error)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON has."""
        return {one.name: json_ready(getattr(self, one.name)) for one in fields(self)}

    def fill(self, call: CallRecord) -> None:
        """Copy the recorded values of the call."""
        self.start_time = call.start
        self.duration = call.duration
        self.end_time = call.start + call.duration
        self.memory_before = _mib(call.rss_before)
        self.memory_after = _mib(call.rss_after)
        self.memory_delta = _mib(call.memory_delta)
        if call.cpu_seconds is not None and call.duration > 0:
            self.cpu_percent = 100.0 * call.cpu_seconds / call.duration
        self.success = call.outcome == OK
        self.error_message = call.error_message
        self.metadata = {**call.attributes, **self.metadata}


def operation_of(call: CallRecord) -> OperationMetrics:
    """Return a recorded call as an operation."""
    operation = OperationMetrics(call.operation)
    operation.fill(call)
    return operation


@dataclass
class PerformanceMetrics:
    """The statistics of one session.

    Attributes:
        session_id: the name of the session.
        start_time: in seconds since the Unix epoch.
        end_time: in seconds since the Unix epoch; None while it is open.
        total_duration: the duration in seconds.
        operations_count: the number of calls that ended in it.
        error_count: the number of failed calls.
        cache_hits: lookups that found their entry.
        cache_misses: lookups that did not find their entry.
        api_calls: the number of calls to APIs.
        api_errors: the number of failed calls to APIs.
        tokens_used: the number of tokens.
        total_cost: the cost in US dollars.
        custom_counts: the program's own counts by name.
        slowest_operations: the five slowest calls: `operation_name`, `duration`.
        bottlenecks: operations with over 20 % of the time: `operation_name`, `percentage`.
    """

    session_id: str
    start_time: float = field(default_factory=time.time)
    end_time: float | None = None
    total_duration: float = 0.0
    operations_count: int = 0
    error_count: int = 0
    cache_hits: float = 0
    cache_misses: float = 0
    api_calls: float = 0
    api_errors: float = 0
    tokens_used: float = 0
    total_cost: float = 0.0
    custom_counts: dict[str, float] = field(default_factory=dict)
    slowest_operations: list[dict[str, Any]] = field(default_factory=list)
    bottlenecks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cache_hit_rate(self) -> float:
        """The ratio of lookups that found their entry, 0 to 1; 0 without lookups."""
        lookups = self.cache_hits + self.cache_misses
        return self.cache_hits / lookups if lookups else 0.0

    def finish(self) -> None:
        """Complete the session."""
        if self.end_time is None:
            self.end_time = time.time()
            self.total_duration = max(0.0, self.end_time - self.start_time)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON has, including the hit rate."""
        return {**asdict(self), "cache_hit_rate": self.cache_hit_rate}

    def get_summary(self) -> str:
        """Return the statistics as text for people."""
        found = f"{self.cache_hit_rate:.1%} found"
        calls = f"{self.api_calls:g}, errors: {self.api_errors:g}"
        lines = [
            f"Session {self.session_id}: {self.total_duration:.2f} s",
            f"  operations: {self.operations_count}, errors: {self.error_count}",
            f"  cache: {self.cache_hits:g} hits, {self.cache_misses:g} misses ({found})",
            f"  API calls: {calls}, tokens: {self.tokens_used:g}, cost: ${self.total_cost:.4f}",
        ]
        lines += [f"  {name}: {amount:g}" for name, amount in self.custom_counts.items()]
        lines += [
            f"  slow: {one['operation_name']} {one['duration']:.3f} s"
            for one in self.slowest_operations
        ]
        lines += [
            f"  bottleneck: {one['operation_name']} {one['percentage']:.1f} %"
            for one in self.bottlenecks
        ]
        return "\n".join(lines)

    def to_current(self) -> dict[str, Any]:
        """Return the values that dashboards show of the current session."""
        return {
            "session_id": self.session_id,
            "duration_seconds": self.total_duration,
            "operations_count": self.operations_count,
            "cache_hit_rate": self.cache_hit_rate,
            "api_calls": self.api_calls,
            "api_errors": self.api_errors,
        }


def session_of(session: SessionStatistics, *, ended: bool) -> PerformanceMetrics:
    """Return the statistics of a session in the older form."""
    counts: Mapping[str, float] = session.counts
    named: dict[str, Any] = {name: counts.get(name, 0) for name in COUNTS}
    return PerformanceMetrics(
        session_id=session.name,
        start_time=session.start,
        end_time=session.start + session.duration if ended else None,
        total_duration=session.duration,
        operations_count=session.calls.count,
        error_count=session.calls.errors,
        custom_counts={name: amount for name, amount in counts.items() if name not in COUNTS},
        slowest_operations=[_slow_operation(one) for one in session.slowest],
        bottlenecks=[
            {"operation_name": one.operation, "percentage": 100.0 * one.share}
            for one in session.bottlenecks
        ],
        **named,
    )


def _slow_operation(call: CallRecord) -> dict[str, Any]:
    succeeded = call.outcome == OK
    return {"operation_name": call.operation, "duration": call.duration, "success": succeeded}


@dataclass
class PerformanceAlert:
    """An alert.

    Attributes:
        alert_type: the type, such as `slow_operation`.
        severity: info, warning, error or critical.
        message: what is wrong, in one sentence.
        operation: the operation; empty without one.
        value: the bad value, in the unit of the threshold.
        threshold: the crossed threshold.
        timestamp: when it began, in seconds since the Unix epoch.
        id: an id that is the same for the life of the alert.
    """

    alert_type: str
    severity: str
    message: str
    operation: str = ""
    value: float | None = None
    threshold: float | None = None
    timestamp: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def type(self) -> str:
        """The same as `alert_type`."""
        return self.alert_type

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON has; `type` is the same as `alert_type`."""
        return {**asdict(self), "type": self.alert_type}


def _mib(size: int | None) -> float | None:
    return None if size is None else size / MIB
