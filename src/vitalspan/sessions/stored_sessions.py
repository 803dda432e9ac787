"""Converts sessions to documents in a store, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from vitalspan.recording.call_record import CallRecord
from vitalspan.recording.model_amounts import DURATION, FIRST_TOKEN
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.statistics.call_statistics import (
    ApiStatistics,
    CacheStatistics,
    CallStatistics,
    ErrorStatistics,
    ModelStatistics,
)
from vitalspan.statistics.call_sums import CallSums
from vitalspan.statistics.duration_statistics import DurationStatistics
from vitalspan.store.protocol import Record, StoredSeries
from vitalspan.store.stored_sums import StoredSums

SESSION: Final = "session"
"""The kind of the records of sessions."""

_SERIES: Final = StoredSeries(-1, SESSION, {})


def session_record(session: SessionStatistics) -> Record:
    """Return a closed session as a record."""
    document = session.to_dict()
    del document["bottlenecks"]
    document["sums"] = [[*key, sums.to_document()] for key, sums in session.sums.items()]
    return Record(SESSION, session.start + session.duration, document)


def stored_session(document: Mapping[str, Any]) -> SessionStatistics:
    """Return the session for a document of `session_record`."""
    figures = {
        "calls": _statistics(document["calls"]),
        "operations": tuple(_statistics(one) for one in document["operations"]),
        "slowest": tuple(CallRecord(**one) for one in document["slowest"]),
        "sums": {(component, name): _sums(one) for component, name, one in document["sums"]},
    }
    return SessionStatistics(**{**document, **figures})


def _statistics(document: Mapping[str, Any]) -> CallStatistics:
    errors = tuple(ErrorStatistics(**one) for one in document["errors_by_type"])
    caches = tuple(CacheStatistics(**_fields(CacheStatistics, one)) for one in document["caches"])
    apis = tuple(_api(one) for one in document["apis"])
    return CallStatistics(**{**document, "errors_by_type": errors, "caches": caches, "apis": apis})


def _api(document: Mapping[str, Any]) -> ApiStatistics:
    # Earlier versions did not distinguish models.
    models = tuple(_model(one) for one in document.get("models", ()))
    return ApiStatistics(**{**_fields(ApiStatistics, document), "models": models})


def _model(document: Mapping[str, Any]) -> ModelStatistics:
    # Earlier versions did not measure durations.
    durations = {
        name: DurationStatistics(**document.get(name, {})) for name in (DURATION, FIRST_TOKEN)
    }
    return ModelStatistics(**{**document, **durations})


def _fields(kind: type, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a dataclass from a document, which also has computed values."""
    return {one.name: document[one.name] for one in fields(kind) if one.name in document}


def _sums(document: Mapping[str, Any]) -> CallSums:
    sums = CallSums()
    buckets = {int(bucket): calls for bucket, calls in document["buckets"]}
    sums.add_stored(StoredSums(_SERIES, **{**document, "buckets": buckets}))
    return sums
