"""A call that is more than a start and a duration: it has a span, or its resources are measured."""

from __future__ import annotations

import sys
from threading import get_ident
from typing import TYPE_CHECKING, Any

from vitalspan.record import spans
from vitalspan.record.details import CANCELLED, ERROR, IN_PROGRESS, Details, Record
from vitalspan.record.labels import value_text
from vitalspan.record.resources import thread_cpu

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from vitalspan.record.resources import Meter
    from vitalspan.record.site import Site


def open_span(site: Site, attributes: dict[str, Any] | None = None) -> tuple[Span | None, Any]:
    """Start a span as the child of the current one and make it current.

    Returns:
        The span where it records, and the token of its context where it is current.
    """
    recorder = site.recorder
    try:
        tracer = recorder.tracing.tracer()
        if tracer is None:
            recorder.skip_tracing()
            return None, None
        start_with = site.span_attributes()
        if attributes:
            start_with = {**start_with, **attributes}
        context = spans.current()
        span = tracer.start_span(site.cell.operation, context, attributes=start_with)
        token = spans.attach(spans.within(span, context))
        return (span if span.is_recording() else None), token
    except Exception:  # noqa: BLE001 - the user's call must not fail
        recorder.faults.note("begin", "a call is recorded without its span")
        return None, None


def close_span(record: Record, span: Span, error: BaseException | None = None) -> None:
    """End a span with the outcome of its call, and note its ids."""
    try:
        details = known(record)
        details.span = span.get_span_context()
        spans.end(span, details, error)
    except Exception:  # noqa: BLE001 - the user's call must not fail
        record[2].recorder.faults.note("end", "a span is not ended as it should be")


class Observation:
    """The span, the readings and the record of one call.

    The body of a call may stop and go on, at each `yield` of a generator or each `await` of a
    coroutine. `attach` and `detach` enclose the time in which the span is current, `run` and
    `pause` the time in which the thread's CPU time is the call's own.
    """

    __slots__ = ("_context", "_cpu_began", "_shared", "_thread", "_token", "cpu", "record", "span")

    def __init__(self, site: Site, attributes: dict[str, Any] | None = None) -> None:
        """Start the span, make it current, begin the readings, note the call as in progress."""
        self.span, self._token = open_span(site, attributes)
        self._context: Any = None
        self.cpu: float | None = None
        self._cpu_began = 0.0
        self._shared = False
        self._thread = 0
        self.record: Record = [0.0, IN_PROGRESS, site]
        if attributes:
            known(self.record).attributes = dict(attributes)
        if site.measuring:
            self._read_before(site.recorder.meter)
        self.record[0] = site.now()
        site.cell.records.append(self.record)

    def attach(self) -> None:
        """Make the span current again."""
        if self._context is not None:
            self._token = spans.attach(self._context)

    def detach(self) -> None:
        """Hand the context back to the caller."""
        if self._token is not None:
            # What the body has made current, a span of its own say, will be so when it goes on.
            self._context = spans.current()
            token, self._token = self._token, None
            spans.detach(token)

    def run(self) -> None:
        """Let the CPU time run."""
        if self.cpu is not None:
            self._thread = get_ident()
            self._cpu_began = thread_cpu()

    def pause(self) -> None:
        """Stop the CPU time."""
        if self.cpu is not None:
            self.cpu += thread_cpu() - self._cpu_began
            if get_ident() != self._thread:
                # A block that one thread has entered and another leaves; their clocks differ.
                self._shared = True

    def share(self) -> None:
        """Tell no CPU time: other tasks of this thread will run during the call."""
        self._shared = True

    def resume(self) -> None:
        """Make the span current and let the CPU time run: the body goes on."""
        self.attach()
        self.run()

    def suspend(self) -> None:
        """Stop the CPU time and hand the context back: the body has stopped."""
        self.pause()
        self.detach()

    def finish(self, error: BaseException | None = None) -> None:
        """Note the end of the call, in whatever way it came. A second time does nothing."""
        record = self.record
        if record[1] != IN_PROGRESS:
            return
        site = record[2]
        seconds = site.now() - record[0]
        token, self._token = self._token, None
        if token is not None:
            spans.detach(token)
        if error is not None:
            classify(known(record), error)
        if self.cpu is not None:
            self._read_after(site.recorder.meter)
        if self.span is not None:
            close_span(record, self.span, error)
        finish(site, record, seconds)
        if self.cpu is not None:
            site.measured(seconds)

    def _read_before(self, meter: Meter) -> None:
        try:
            known(self.record).rss_before = meter.rss()
        except Exception:  # noqa: BLE001 - the user's call must not fail
            self.record[2].recorder.faults.note("begin", "a call's resources are not measured")
        self.cpu = 0.0

    def _read_after(self, meter: Meter) -> None:
        details = known(self.record)
        details.counted = True
        details.cpu_seconds = None if self._shared else self.cpu
        try:
            details.rss_after = meter.rss()
        except Exception:  # noqa: BLE001 - the user's call must not fail
            self.record[2].recorder.faults.note("end", "a call's resources are not measured")


def known(record: Record) -> Details:
    """Return the details of a call, which from now on has some."""
    if len(record) < 4:
        record.append(Details())
    details: Details = record[3]
    return details


def _is_cancellation(error: BaseException) -> bool:
    # By the type, since `isinstance` would ask the exception as well, which may raise.
    raised = type(error)
    if issubclass(raised, GeneratorExit):
        return True
    # An exception can be a library's own only where the library is loaded; importing asyncio for
    # this would double the time that importing vitalspan takes.
    for module, name in (("asyncio", "CancelledError"), ("trio", "Cancelled")):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and issubclass(raised, kind):
            return True
    return False


def classify(details: Details, error: BaseException) -> None:
    """Note how a call ended that raised: cancelled, or failed with a qualified exception name."""
    details.counted = True
    if _is_cancellation(error):
        details.outcome = CANCELLED
        return
    kind = type(error)
    name = kind.__qualname__
    details.outcome = ERROR
    details.error_type = value_text(
        name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"
    )


def finish(site: Site, record: Record, seconds: float) -> None:
    """Complete a record and hand it to the fold."""
    cell = site.cell
    if len(record) > 3:
        # Before the call counts as ended, so that no fold can find it without looking for more.
        cell.notes.append(None)
    record[1] = seconds
    if seconds >= site.attention:
        site.attend(record)
    if len(cell.records) >= cell.limit:
        site.recorder.folder.full(cell)


def fail(site: Site, record: Record, error: BaseException) -> None:
    """Complete the record of a call that raised and had no span. A second time does nothing."""
    if record[1] == IN_PROGRESS:
        seconds = site.now() - record[0]
        try:
            failed(site, record, error, seconds)
        finally:
            record[1] = seconds


def failed(site: Site, record: Record, error: BaseException, seconds: float) -> None:
    """Note how a call has ended that raised, and hand it to the fold."""
    classify(known(record), error)
    finish(site, record, seconds)
