"""The details of a series' calls besides their durations, added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from opentelemetry.trace import SpanContext

from vitalspan.metrics import DURATION_BOUNDARIES, OTHER
from vitalspan.recording.buckets import BucketGrid, grid_of
from vitalspan.recording.call_record import CANCELLED, CallDetails, Record
from vitalspan.recording.duration_histogram import DurationHistogram

FIRST_BYTE_GRID: Final = grid_of(DURATION_BOUNDARIES)
"""The buckets of the seconds until responses begin."""

MAX_ERROR_TYPES: Final = 20
"""The maximum number of error types of a series; further ones are counted as `_OTHER`."""

Exemplar = tuple[SpanContext, float, float]
"""The ids of a sampled span, its duration in seconds, and its end on the steady clock."""


class LastError(NamedTuple):
    """The latest call that failed with an error of one type.

    Attributes:
        end: when it ended, on the steady clock in seconds.
        message: the message of the exception, or the one that the program gave.
        trace_id: the trace id in hexadecimal, if the call had a span.
    """

    end: float
    message: str | None
    trace_id: str | None


class DetailCounts:
    """Errors, cancellations, resources, measures and exemplars of a series' calls.

    A series replaces it with the result of `plus`, which is never changed, so a reader always has
    consistent values.

    Attributes:
        errors: the number of calls that raised, by the type of the exception.
        last_errors: the latest error of each type.
        cancellations: the number of cancelled calls.
        measured: whether the resources of any call were measured.
        cpu_seconds: the CPU time of the measured calls in seconds.
        memory_growth: the bytes by which resident memory grew during them, ignoring shrinking.
        measures: the sums of the amounts that calls added, by name.
        exemplars: the latest sampled call of each exported bucket, by the bucket's index.
        first_bytes: the seconds until responses began; None if that is not counted.
    """

    __slots__ = (
        "cancellations",
        "cpu_seconds",
        "errors",
        "exemplars",
        "first_bytes",
        "last_errors",
        "measured",
        "measures",
        "memory_growth",
    )

    def __init__(self) -> None:
        self.errors: dict[str, int] = {}
        self.last_errors: dict[str, LastError] = {}
        self.cancellations = 0
        self.measured = False
        self.cpu_seconds = 0.0
        self.memory_growth = 0
        self.measures: dict[str, float] = {}
        self.exemplars: dict[int, Exemplar] = {}
        self.first_bytes: DurationHistogram | None = None

    def plus(self, noted: Iterable[Record], grid: BucketGrid) -> DetailCounts:
        """Return the sum of these counts and of further calls, all of which have details.

        Args:
            noted: the records of the calls.
            grid: the buckets of the series.
        """
        # Most dictionaries are empty, and creating one is cheaper than copying it.
        result = DetailCounts.__new__(DetailCounts)
        result.errors = self.errors.copy() if self.errors else {}
        result.last_errors = self.last_errors.copy() if self.last_errors else {}
        result.cancellations = self.cancellations
        result.measured = self.measured
        result.cpu_seconds = self.cpu_seconds
        result.memory_growth = self.memory_growth
        result.measures = self.measures.copy() if self.measures else {}
        result.exemplars = self.exemplars.copy() if self.exemplars else {}
        result.first_bytes = self.first_bytes
        first_bytes: list[float] = []
        for record in noted:
            details = record[3]
            if details.counted:
                result._add(details, record[0] + record[1])  # noqa: SLF001 - of the same class
            if details.first_byte is not None:
                first_bytes.append(details.first_byte)
            span = details.span
            if span is not None and span.trace_flags.sampled:
                seconds, end = record[1], record[0] + record[1]
                bucket = grid.exported_bucket(seconds)
                exemplar = result.exemplars.get(bucket)
                if exemplar is None or exemplar[2] <= end:
                    result.exemplars[bucket] = (span, seconds, end)
        if first_bytes:
            result.add_first_bytes(FIRST_BYTE_GRID.count(sorted(first_bytes)), sum(first_bytes))
        result._share_what_is_empty()  # noqa: SLF001
        return result

    def add_first_bytes(self, buckets: Mapping[int, int], total: float) -> None:
        """Count responses that have begun.

        Args:
            buckets: the number of responses by fine bucket of `FIRST_BYTE_GRID`.
            total: the sum of their seconds.
        """
        known = self.first_bytes or DurationHistogram(FIRST_BYTE_GRID)
        self.first_bytes = known.plus(buckets, total)

    def note_error(self, error_type: str, error: LastError) -> None:
        """Keep an error as the latest of its type, unless a later one is known."""
        latest = self.last_errors.get(error_type)
        if latest is None or latest.end <= error.end:
            self.last_errors[error_type] = error

    def _share_what_is_empty(self) -> None:
        """Replace empty dictionaries by a shared one, because most series never fill them."""
        self.errors = self.errors or _EMPTY
        self.last_errors = self.last_errors or _EMPTY
        self.measures = self.measures or _EMPTY
        self.exemplars = self.exemplars or _EMPTY

    def _add(self, details: CallDetails, end: float) -> None:
        if details.outcome == CANCELLED:
            self.cancellations += 1
        elif details.error_type is not None:
            error = LastError(end, details.error_message, details.trace_id)
            self._add_error(details.error_type, error)
        if details.rss_after is not None or details.cpu_seconds is not None:
            self.measured = True
            self.cpu_seconds += details.cpu_seconds or 0.0
            growth = details.memory_delta
            if growth is not None and growth > 0:
                self.memory_growth += growth
        if details.measures:
            for name, amount in details.measures.items():
                self.measures[name] = self.measures.get(name, 0) + amount

    def _add_error(self, error_type: str, error: LastError) -> None:
        errors = self.errors
        if error_type not in errors and len(errors) >= MAX_ERROR_TYPES:
            error_type = OTHER
        errors[error_type] = errors.get(error_type, 0) + 1
        self.note_error(error_type, error)


_EMPTY: Final[dict[Any, Any]] = {}
"""The shared empty dictionary; nothing is added to it, because `plus` results never change."""

NO_DETAILS: Final = DetailCounts()
"""The details of a series before its first call with details."""
