"""The state of one series of calls: one component, operation and set of declared labels."""

from __future__ import annotations

from array import array
from typing import Final

from opentelemetry.trace import SpanContext

from vitalspan.names import COMPONENT, OPERATION, OTHER
from vitalspan.record.details import CANCELLED, Details, Record
from vitalspan.record.grid import EXPORTED_BUCKETS, EXPORTED_OF_FINE, FINE, exported_bucket
from vitalspan.record.judge import Judge
from vitalspan.record.labels import Labels, label_text

SMALL_BATCH: Final = 16
LARGE_BATCH: Final = 256
"""Records that a cell buffers before they are folded; the large one while it is busy."""

MAX_ERROR_TYPES: Final = 20
"""Distinct error types of a cell; further ones are counted as `_OTHER`."""

Exemplar = tuple[SpanContext, float, float]
"""The ids of a sampled span, its duration in seconds, its end on the steady clock."""


class Cell:
    """Counts, and the buffer of records that are not yet counted.

    The buffers are written by any thread with single, atomic operations. Everything else is
    written under the folder's lock alone.
    """

    __slots__ = (
        "batch",
        "cancellations",
        "component",
        "count",
        "cpu_seconds",
        "errors",
        "exemplars",
        "exported",
        "fine",
        "fresh",
        "in_hand",
        "judges",
        "labels",
        "limit",
        "measured",
        "measures",
        "memory_growth",
        "notes",
        "operation",
        "pending",
        "records",
        "text",
        "total",
    )

    def __init__(self, component: str, operation: str, labels: Labels) -> None:
        self.component = component
        self.operation = operation
        self.labels = labels
        self.text = label_text(((COMPONENT, component), (OPERATION, operation), *labels))
        self.records: list[Record] = []
        self.notes: list[None] = []
        self.pending: list[tuple[dict[int, int], float, list[Record], float, list[Record]]] = []
        self.in_hand: dict[int, list[Record]] = {}
        self.batch = SMALL_BATCH
        self.judges: tuple[Judge, ...] = ()
        self.zero()

    def all_labels(self) -> dict[str, str]:
        """Return the labels of the series, `component` and `operation` among them."""
        return {COMPONENT: self.component, OPERATION: self.operation, **dict(self.labels)}

    def zero(self) -> None:
        """Forget every count and every buffered record, in place: callers hold the buffers."""
        self.records.clear()
        self.notes.clear()
        self.pending.clear()
        self.in_hand.clear()
        self.limit = self.batch
        self.count = 0
        self.total = 0.0
        self.fine = array("I", bytes(4 * len(FINE)))
        self.fresh: dict[int, int] | None = None
        self.exported = array("Q", bytes(8 * EXPORTED_BUCKETS))
        self.errors: dict[str, int] = {}
        self.cancellations = 0
        self.measured = False
        self.cpu_seconds = 0.0
        self.memory_growth = 0
        self.measures: dict[str, float] = {}
        self.exemplars: dict[int, Exemplar] = {}

    def merge(self, buckets: dict[int, int], total: float) -> None:
        """Add finished calls: their number by fine bucket and the sum of their seconds."""
        fine, exported = self.fine, self.exported
        for bucket, calls in buckets.items():
            try:
                fine[bucket] += calls
            except OverflowError:
                # Four bytes a bucket are enough for all but a few cells, and those have the room.
                fine = self.fine = array("Q", fine)
                fine[bucket] += calls
            exported[EXPORTED_OF_FINE[bucket]] += calls
            self.count += calls
        self.total += total
        fresh = self.fresh
        if fresh is not None:
            for bucket, calls in buckets.items():
                fresh[bucket] = fresh.get(bucket, 0) + calls

    def take_fresh(self) -> dict[int, int]:
        """Return the calls by fine bucket since this was asked last; the first time, all of them.

        Until then nothing is kept for it.
        """
        fresh, self.fresh = self.fresh, {}
        if fresh is None:
            return {bucket: calls for bucket, calls in enumerate(self.fine) if calls}
        return fresh

    def merge_notes(self, noted: list[Record]) -> None:
        """Add what finished calls have beyond their durations."""
        for record in noted:
            details = record[3]
            if details.counted:
                self._merge_note(details)
            span = details.span
            if span is not None and span.trace_flags.sampled:
                seconds, end = record[1], record[0] + record[1]
                bucket = exported_bucket(seconds)
                kept = self.exemplars.get(bucket)
                if kept is None or kept[2] <= end:
                    self.exemplars[bucket] = (span, seconds, end)

    def _merge_note(self, details: Details) -> None:
        if details.outcome == CANCELLED:
            self.cancellations += 1
        elif details.error_type is not None:
            self._count_error(details.error_type)
        if details.rss_after is not None or details.cpu_seconds is not None:
            self.measured = True
            self.cpu_seconds += details.cpu_seconds or 0.0
            self.memory_growth += max(0, details.memory_delta or 0)
        for name, amount in (details.measures or {}).items():
            self.measures[name] = self.measures.get(name, 0) + amount

    def _count_error(self, error_type: str) -> None:
        errors = self.errors
        if error_type not in errors and len(errors) >= MAX_ERROR_TYPES:
            error_type = OTHER
        errors[error_type] = errors.get(error_type, 0) + 1
