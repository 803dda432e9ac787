"""Sessions in a store: their figures as documents, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vitalspan.recording.call_record import CallRecord
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.statistics.call_statistics import CallStatistics, ErrorStatistics
from vitalspan.statistics.call_sums import CallSums
from vitalspan.store.protocol import Record, StoredSeries
from vitalspan.store.reader import StoredSums

SESSION: Final = "session"
"""The kind of records that sessions are."""

_SERIES: Final = StoredSeries(-1, SESSION, {})


def session_record(session: SessionStatistics) -> Record:
    """Return a closed session as it is stored."""
    document = session.to_dict()
    del document["bottlenecks"]
    document["sums"] = [[*key, sums.to_document()] for key, sums in session.sums.items()]
    return Record(SESSION, session.start + session.duration, document)


def stored_session(document: Mapping[str, Any]) -> SessionStatistics:
    """Return the session of a document that `session_record` has made."""
    return SessionStatistics(
        name=document["name"],
        start=document["start"],
        duration=document["duration"],
        calls=_statistics(document["calls"]),
        operations=tuple(_statistics(one) for one in document["operations"]),
        slowest=tuple(CallRecord(**one) for one in document["slowest"]),
        counts=document["counts"],
        parent=document["parent"],
        sums={(component, operation): _sums(one) for component, operation, one in document["sums"]},
    )


def _statistics(document: Mapping[str, Any]) -> CallStatistics:
    errors = tuple(ErrorStatistics(**one) for one in document["errors_by_type"])
    return CallStatistics(**{**document, "errors_by_type": errors, "caches": (), "apis": ()})


def _sums(document: Mapping[str, Any]) -> CallSums:
    sums = CallSums()
    buckets = {int(bucket): calls for bucket, calls in document["buckets"]}
    sums.add_stored(StoredSums(_SERIES, **{**document, "buckets": buckets}))
    return sums
