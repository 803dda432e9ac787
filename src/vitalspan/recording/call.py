"""A call in progress, as its own code sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.labels import MAX_LABELS, check_label, check_name, value_text
from vitalspan.metrics import OTHER, RESERVED_MEASURES
from vitalspan.recording.attributes import (
    MAX_KEPT,
    attribute_key,
    kept_value,
    note_left_out,
    span_value,
)
from vitalspan.recording.call_record import ERROR, IN_PROGRESS, OK, CallDetails, Record, details_of
from vitalspan.recording.lock_free_counter import amount_of
from vitalspan.recording.measured_call import MeasuredCall

if TYPE_CHECKING:
    from opentelemetry.trace import Span

MAX_MEASURES: Final = 32
"""The maximum number of measures of one series."""


class Call:
    """A call in progress, as returned by `with operation(...) as call` and `current_call()`.

    Its methods never raise: what cannot be done is left out, counted in
    `vitalspan_internal_errors_total` and logged once. After the end of the call they do nothing.
    """

    # A block makes one of these each time it runs. Without `__init__` that costs half as much.
    __slots__ = ("_record",)

    _record: Record
    _measured: MeasuredCall | None = None
    _span: Span | None = None

    def add(self, measure: str, amount: float = 1) -> None:
        """Count something that this call did, as `operation_<measure>_total`.

        Args:
            measure: a name of letters, digits and underscores.
            amount: zero or more; the amounts of one call are summed.
        """
        self._try(
            "measure", "a measure could not be added to a call", lambda: self._add(measure, amount)
        )

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute of this call's span and of its entry in the recent calls.

        Attributes never become labels. An object that is not a plain value becomes its text.
        """
        # After the end it is too late: the call may be counted already.
        if self._record[1] != IN_PROGRESS:
            return
        try:
            self._set_attribute(key, value)
        except Exception as fault:  # noqa: BLE001 - the user's call must not fail
            note_left_out(self._record[2].recorder.internal_errors, key, fault)

    def set_label(self, name: str, value: object) -> None:
        """Set a label that became known while the call ran, for example a status.

        The call is counted in the series with this label; while it is in progress it is in the one
        without it. Values are bounded like those of all labels.

        Args:
            name: the name of the label.
            value: the value of the label; an empty one leaves the label out.
        """
        self._try(
            "label", "a label could not be set on a call", lambda: self._set_label(name, value)
        )

    def fail(self, reason: object = "", *, error_type: str = OTHER) -> None:
        """Count this call as an error, whether or not it raises.

        Args:
            reason: a description, for the span's status and the recent calls.
            error_type: the label of `operation_errors_total` and of the span; it should be one of a
                few.
        """
        self._mark(ERROR, value_text(error_type) or OTHER, value_text(reason))

    def ok(self) -> None:
        """Count this call as successful, even if it raises."""
        self._mark(OK, None, None)

    @property
    def trace_id(self) -> str | None:
        """The trace id in hexadecimal; None without a recording span."""
        span = self._span
        return None if span is None else f"{span.get_span_context().trace_id:032x}"

    def _mark(self, outcome: Any, error_type: str | None, message: str | None) -> None:
        if self._record[1] != IN_PROGRESS:
            return
        details = details_of(self._record)
        details.marked = details.counted = True
        details.outcome, details.error_type, details.error_message = outcome, error_type, message

    def _try(self, where: str, problem: str, action: Callable[[], None]) -> None:
        if self._record[1] != IN_PROGRESS:
            return
        try:
            action()
        except Exception as fault:  # noqa: BLE001 - the user's call must not fail
            internal_errors = self._record[2].recorder.internal_errors
            internal_errors.note(where, f"{problem}: {value_text(fault)}", trace=False)

    def _set_attribute(self, key: str, value: Any) -> None:
        key, value = attribute_key(key), span_value(value)
        details = details_of(self._record)
        if details.attributes is None:
            details.attributes = {}
        if len(details.attributes) < MAX_KEPT or key in details.attributes:
            details.attributes[key] = kept_value(value)
        if self._span is not None:
            self._span.set_attribute(key, value)

    def _set_label(self, name: str, value: object) -> None:
        check_label(name)
        details = details_of(self._record)
        labels = dict(details.labels or {})
        labels[name] = value_text(value)
        if len({*labels, *dict(self._record[2].series.labels)}) > MAX_LABELS:
            raise ConfigurationError(
                f"label {name!r:.80} is one too many: use at most {MAX_LABELS}"
            )
        details.labels = labels
        if self._span is not None:
            self._span.set_attribute(name, labels[name])

    def _add(self, measure: str, amount: float) -> None:
        check_name(measure, "measure")
        if measure in RESERVED_MEASURES:
            raise ConfigurationError(
                f"measure {measure!r:.80} would become operation_{measure}_total, a metric of "
                "vitalspan: choose another name"
            )
        if measure.endswith("_total"):
            raise ConfigurationError(
                f"measure {measure!r:.80} ends with _total, which vitalspan adds itself: leave "
                "it out"
            )
        checked = amount_of(amount)
        details = details_of(self._record)
        if details.measures is None:
            details.measures = {}
        counted = self._record[2].series.details.measures
        new = measure not in details.measures and measure not in counted
        if new and len(counted) + len(details.measures) >= MAX_MEASURES:
            raise ConfigurationError(
                f"measure {measure!r:.80} is one too many: use at most {MAX_MEASURES} in an "
                "operation"
            )
        details.measures[measure] = details.measures.get(measure, 0) + checked
        details.counted = True


class EngagedCall(Call):
    """A call that has a span or whose resources are measured."""

    __slots__ = ("_measured", "_span")


def call_of(record: Record, measured: MeasuredCall | None = None, span: Span | None = None) -> Call:
    """Return the call of a record, with its span and its resource readings if there are any."""
    if measured is not None:
        span = measured.span
    if measured is None and span is None:
        call = Call()
    else:
        call = EngagedCall()
        call._measured = measured  # noqa: SLF001 - of this module
        call._span = span  # noqa: SLF001
    call._record = record  # noqa: SLF001
    return call


def ended_call(site: Any = None) -> Call:
    """Return a call that has ended, whose methods do nothing."""
    # It has details, so that nothing takes it for a call in progress.
    return call_of([0.0, 0.0, site, CallDetails()])
