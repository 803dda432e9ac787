"""The encoding of errors, measures and exemplars as JSON, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.trace import SpanContext, TraceFlags

from vitalspan.recording.detail_counts import NO_DETAILS, DetailCounts, LastError
from vitalspan.workers.worker_counts import add_amounts

Document = Mapping[str, Any]
"""The details of one series: `e` has the errors, `l` the latest of each type, `c` the number of
cancellations, `m` the measures, `x` the exemplars, and `f` the seconds until responses began: their
sum, and the number in each fine bucket."""


def details_document(details: DetailCounts, epoch: float) -> dict[str, Any]:
    """Return details as a document for JSON, without resources, which have their own columns.

    Args:
        details: the details of one series.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    document: dict[str, Any] = {}
    if details is NO_DETAILS:
        return document
    if details.errors:
        document["e"] = details.errors
        document["l"] = [
            [name, error.end + epoch, error.message, error.trace_id]
            for name, error in details.last_errors.items()
        ]
    if details.cancellations:
        document["c"] = details.cancellations
    if details.measures:
        document["m"] = details.measures
    if details.exemplars:
        document["x"] = [
            [bucket, f"{span.trace_id:x}", f"{span.span_id:x}", seconds, end + epoch]
            for bucket, (span, seconds, end) in details.exemplars.items()
        ]
    if details.first_bytes is not None:
        document["f"] = [details.first_bytes.total, list(details.first_bytes.items())]
    return document


def sum_of_details(documents: Iterable[Document], epoch: float) -> DetailCounts:
    """Return the sum of one series' details in several processes.

    Args:
        documents: the documents that the processes have published.
        epoch: the difference between the time of day and the steady clock in seconds.

    Raises:
        LookupError: for a document that this version cannot read.
        ValueError: as above.
        TypeError: as above.
        AttributeError: as above.
    """
    details = DetailCounts()
    exemplars: dict[int, list[Any]] = {}
    for document in documents:
        add_amounts(details.errors, document.get("e", {}).items())
        for name, end, message, trace_id in document.get("l", ()):
            details.note_error(name, LastError(end - epoch, message, trace_id))
        details.cancellations += document.get("c", 0)
        add_amounts(details.measures, document.get("m", {}).items())
        if "f" in document:
            total, buckets = document["f"]
            details.add_first_bytes(dict(buckets), total)
        for exemplar in document.get("x", ()):
            kept = exemplars.get(exemplar[0])
            if kept is None or kept[4] <= exemplar[4]:
                exemplars[exemplar[0]] = exemplar
    # Making the context of a span is slow, so only exemplars that are shown get one.
    for bucket, trace, span, seconds, end in exemplars.values():
        context = SpanContext(
            int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(1)
        )
        details.exemplars[int(bucket)] = (context, seconds + 0.0, end - epoch)
    return details
