"""The outcomes of calls: ok, error or cancelled, or what the program has set."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal

from vitalspan.labels import value_text
from vitalspan.recording.call_record import (
    CANCELLED,
    ERROR,
    IN_PROGRESS,
    OK,
    CallDetails,
    Record,
    details_of,
)

if TYPE_CHECKING:
    from vitalspan.recording.call_site import CallSite


_CANCELLATIONS: Final = (
    ("asyncio", "CancelledError"),
    ("trio", "Cancelled"),
    ("greenlet", "GreenletExit"),
)
"""The exceptions with which libraries end a task from outside."""


def outcome_of(error: BaseException) -> Literal["ok", "error", "cancelled"]:
    """Return the outcome of a call that raised.

    A call is cancelled by a cancelled task, a closed generator, a killed greenlet or a keyboard
    interrupt. The end of an iteration and `sys.exit(0)` are not errors.
    """
    # By type, because `isinstance` would call into the exception, which may raise.
    raised = type(error)
    if issubclass(raised, Exception):
        return OK if issubclass(raised, (StopIteration, StopAsyncIteration)) else ERROR
    if issubclass(raised, (GeneratorExit, KeyboardInterrupt)):
        return CANCELLED
    if issubclass(raised, SystemExit):
        # Through the class, because an attribute of the exception may be anything.
        code = vars(SystemExit)["code"].__get__(error)
        return OK if type(code) in (type(None), int, bool) and not code else ERROR
    # An exception can only be a library's own if the library has been imported; importing asyncio
    # for this would double the import time of vitalspan.
    for module, name in _CANCELLATIONS:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and issubclass(raised, kind):
            return CANCELLED
    return ERROR


def error_type_of(error: BaseException) -> str:
    """Return the qualified name of an exception's type, without `builtins`."""
    kind = type(error)
    name = kind.__qualname__
    return value_text(name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}")


def classify(site: CallSite, details: CallDetails, error: BaseException) -> None:
    """Set the outcome of a call that raised, unless the program has set it."""
    details.counted = True
    if details.marked:
        return
    outcome = outcome_of(error)
    if outcome == ERROR and not _is_error(site, error):
        outcome = OK
    details.outcome = outcome
    if outcome == ERROR:
        details.error_type = error_type_of(error)
        details.error_message = value_text(error)


def _is_error(site: CallSite, error: BaseException) -> bool:
    """Return whether an exception counts as an error for the operation."""
    errors = site.options.errors
    if errors is None:
        return True
    if isinstance(errors, (type, tuple)):
        return issubclass(type(error), errors)
    try:
        return bool(errors(error))
    except Exception:  # noqa: BLE001 - the user's call must not fail in another way than it does
        site.recorder.internal_errors.note("errors", "the errors= of an operation raised")
        return True


def judge_result(site: CallSite, record: Record, result: object) -> None:
    """Mark a call as failed if its result counts as an error for the operation."""
    is_error = site.options.error_results
    try:
        if is_error is None or not is_error(result):
            return
    except Exception:  # noqa: BLE001 - the user's call must not fail
        site.recorder.internal_errors.note("errors", "the error_results= of an operation raised")
        return
    details = details_of(record)
    if not details.marked:
        details.counted = True
        details.outcome = ERROR
        details.error_type = value_text(f"result:{type(result).__qualname__}")


def end(site: CallSite, record: Record, seconds: float) -> None:
    """Complete a record and hand it to the aggregator."""
    series = site.series
    record[1] = seconds
    if seconds >= site.inspect_from:
        site.inspect(record)
    if len(series.records) >= series.limit:
        site.recorder.aggregator.flush(series)


def end_with_error(site: CallSite, record: Record, error: BaseException, seconds: float) -> None:
    """Complete the record of a call that raised and has no span. A second call does nothing."""
    if record[1] == IN_PROGRESS:
        try:
            classify(site, details_of(record), error)
            end(site, record, seconds)
        finally:
            # At the recursion limit no Python function can be called any more.
            record[1] = seconds
