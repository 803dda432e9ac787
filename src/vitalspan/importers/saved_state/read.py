"""Reads the operations, sessions and alerts in files of the older monitors, at any depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from vitalspan.importers.saved_state.placed_json import Mistake, PlacedObject, documents, objects
from vitalspan.importers.saved_state.values import flag_of, number_of, text_of, time_of
from vitalspan.labels import declared
from vitalspan.rules.alert import Alert
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.sessions.stored_sessions import session_record
from vitalspan.statistics.call_statistics import ApiStatistics, CacheStatistics, CallStatistics
from vitalspan.statistics.call_sums import CallSums
from vitalspan.store.past_calls import PastCall
from vitalspan.store.protocol import Record

_MIB: Final = 1024 * 1024

_TIMES: Final = ("timestamp", "time", "created_at")

_SEVERITIES: Final = ("info", "warning", "error", "critical")

_COUNTED: Final = (
    *("cache_hits", "cache_misses", "api_calls", "api_errors"),
    *("tokens_used", "total_cost"),
)
"""The counts of a session that have their own names."""


@dataclass
class SavedState:
    """The items found in files.

    Attributes:
        calls: operations that have ended.
        sessions: sessions that have ended, as records of a store.
        alerts: alerts, as records of a store.
        mistakes: what is invalid.
    """

    calls: list[PastCall] = field(default_factory=list)
    sessions: list[Record] = field(default_factory=list)
    alerts: list[Record] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        """The sessions and alerts, the oldest first."""
        return sorted([*self.sessions, *self.alerts], key=lambda record: record.at)


def read_saved_state(text: str, component: str) -> SavedState:
    """Return the items in a file. Other objects, such as averages without times, are left out.

    Args:
        text: the text of the file: JSON, or JSON on each line.
        component: the component of operations that have none.
    """
    state = SavedState()
    try:
        for document in documents(text):
            for value in objects(document):
                try:
                    _add(state, value, component)
                except Mistake as mistake:
                    state.mistakes.append(mistake)
    except Mistake as mistake:
        state.mistakes.append(mistake)
    return state


def _add(state: SavedState, value: PlacedObject, component: str) -> None:
    if "session_id" in value and ("start_time" in value or "end_time" in value):
        state.sessions.append(_session(value))
    elif "alert_type" in value and "message" in value:
        state.alerts.append(_alert(value))
    else:
        read = next((read for names, read in _CALLS if all(name in value for name in names)), None)
        if read is not None and ("duration" in value or "duration_ms" in value):
            end = time_of(value, "end_time", *_TIMES)
            begin = time_of(value, "start_time")
            # An operation that was still running has no end and no duration.
            if end is None and begin is None and not value.get("duration"):
                return
            state.calls.append(read(value, _ended(value, begin, end), component))


def _ended(value: PlacedObject, begin: float | None, end: float | None) -> tuple[float, float]:
    """Return the end and the duration of a call."""
    seconds, milliseconds = number_of(value, "duration"), number_of(value, "duration_ms")
    if seconds is None and milliseconds is not None:
        seconds = milliseconds / 1000
    if seconds is None and begin is not None and end is not None:
        seconds = end - begin
    if seconds is None or seconds < 0:
        raise Mistake(value.line, "this operation has no duration")
    if end is None and begin is not None:
        end = begin + seconds
    if end is None:
        raise Mistake(value.line, "this operation has no start_time, end_time or timestamp")
    return end, seconds


def _failed(value: PlacedObject) -> bool:
    return not flag_of(value, "success", default=True)


def _operation(value: PlacedObject, ended: tuple[float, float], component: str) -> PastCall:
    end, seconds = ended
    name = text_of(value, "operation_name", "operation")
    if not name:
        raise Mistake(value.line, "operation_name: an operation needs a name")
    growth = value.get("memory_delta")
    # A decrease is not counted.
    shrunk = isinstance(growth, (int, float)) and growth < 0
    grown = 0.0 if shrunk else number_of(value, "memory_delta") or 0.0
    files = number_of(value, "files_processed") or 0.0
    return PastCall(
        name,
        text_of(value, "component") or component,
        end,
        seconds,
        _failed(value),
        measures={"files": files} if files else {},
        cpu_seconds=(number_of(value, "cpu_percent") or 0.0) / 100 * seconds,
        memory_growth=grown * _MIB,
        hits=number_of(value, "cache_hits") or 0.0,
        misses=number_of(value, "cache_misses") or 0.0,
    )


def _activity(
    operation: str, labels_of: Callable[[PlacedObject], dict[str, Any]], measure: str, amount: str
) -> Callable[[PlacedObject, tuple[float, float], str], PastCall]:
    """Return a reader of downloads and the like, with the names that they have in `compat`."""

    def read(value: PlacedObject, ended: tuple[float, float], component: str) -> PastCall:
        failed, counted = _failed(value), number_of(value, amount) or 0.0
        labels = {**labels_of(value), "outcome": "failure" if failed else "success"}
        measures = {measure: counted} if counted else {}
        return PastCall(operation, component, *ended, failed, dict(declared(labels)), measures)

    return read


def _download_labels(value: PlacedObject) -> dict[str, Any]:
    try:
        host = urlsplit(text_of(value, "url")).hostname or ""
    except ValueError:
        host = ""
    status = value.get("status_code")
    return {"host": host, "status": "" if status is None else str(status)}


_CALLS: Final = (
    (("operation_name",), _operation),
    (("operation", "duration"), _operation),
    (("operation", "duration_ms"), _operation),
    (("url",), _activity("download", _download_labels, "bytes", "file_size")),
    (
        ("content_type",),
        _activity(
            "parsing",
            lambda value: {"content_type": text_of(value, "content_type")},
            "items",
            "items_parsed",
        ),
    ),
    (
        ("data_source",),
        _activity(
            "generation",
            lambda value: {"data_source": text_of(value, "data_source")},
            "items",
            "items",
        ),
    ),
)
"""The fields that identify a kind of call, with its reader."""


def _session(value: PlacedObject) -> Record:
    name = text_of(value, "session_id")
    duration = number_of(value, "total_duration", "duration_seconds", "duration")
    begin, end = time_of(value, "start_time"), time_of(value, "end_time")
    if duration is None and begin is not None and end is not None:
        duration = max(0.0, end - begin)
    if begin is None and end is not None:
        begin = end - (duration or 0.0)
    if begin is None or duration is None:
        raise Mistake(value.line, f"the session {name!r:.80} has not ended: end_time is missing")
    counts = {key: amount for key in _COUNTED if (amount := number_of(value, key))}
    custom = value.get("custom_counts")
    if custom is None:
        custom = PlacedObject()
    if not isinstance(custom, PlacedObject):
        raise Mistake(value.line, f"custom_counts: {custom!r:.80} is not an object with counts")
    counts |= {str(key): number_of(custom, key) or 0.0 for key in custom}
    calls = _calls_of_session(value, duration, counts)
    return session_record(SessionStatistics(name, begin, duration, calls, (), (), counts))


def _calls_of_session(
    value: PlacedObject, duration: float, counts: dict[str, float]
) -> CallStatistics:
    count = int(number_of(value, "operations_count") or 0)
    errors = int(number_of(value, "error_count") or 0)
    hits, misses = counts.get("cache_hits", 0.0), counts.get("cache_misses", 0.0)
    called, failed = counts.get("api_calls", 0.0), counts.get("api_errors", 0.0)
    tokens, cost = counts.get("tokens_used", 0.0), counts.get("total_cost", 0.0)
    nothing = CallSums().statistics(None, None, duration, 0.0, 0.0)
    return replace(
        nothing,
        count=count,
        errors=errors,
        error_rate=min(1.0, errors / count) if count else None,
        throughput=count / duration if duration else None,
        caches=(CacheStatistics("default", "default", hits, misses),) if hits or misses else (),
        apis=(ApiStatistics("default", "default", called, failed, tokens, cost),) if called else (),
    )


def _alert(value: PlacedObject) -> Record:
    kind, severity = text_of(value, "alert_type", "type"), text_of(value, "severity")
    if not severity and kind in _SEVERITIES:
        # The alerts of the pipeline have their severity in their type.
        kind, severity = text_of(value, "metric_name") or "alert", kind
    if severity not in _SEVERITIES:
        raise Mistake(
            value.line,
            f"severity: {severity!r:.80} is unknown: use one of {', '.join(_SEVERITIES)}",
        )
    at = time_of(value, *_TIMES)
    if at is None:
        raise Mistake(value.line, "this alert has no timestamp")
    operation, component = text_of(value, "operation"), text_of(value, "component")
    labels = {"alertname": kind, "severity": severity}
    labels |= {"operation": operation} if operation else {}
    labels |= {"component": component} if component else {}
    alert = Alert(
        id=text_of(value, "id", "alert_id") or f"{kind}-{at:.3f}",
        alertname=kind,
        type=kind,
        severity=severity,
        state="resolved",
        labels=labels,
        annotations={},
        message=text_of(value, "message"),
        value=number_of(value, "value", "current_value"),
        threshold=number_of(value, "threshold", "threshold_value") or 0.0,
        active_at=at,
        fired_at=at,
        resolved_at=time_of(value, "resolved_at") or at,
        operation=operation or None,
    )
    return Record("alert", at, alert.to_dict())
