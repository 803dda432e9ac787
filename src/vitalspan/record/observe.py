"""A call that is more than a start and a duration: it has a span, or its resources are measured."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from vitalspan.record import spans
from vitalspan.record.details import CANCELLED, ERROR, IN_PROGRESS, Details, Record
from vitalspan.record.labels import value_text
from vitalspan.record.resources import thread_cpu

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from vitalspan.record.site import Site


class Observation:
    """The span, the readings and the record of one call.

    The body of a call may stop and go on, at each `yield` of a generator or each `await` of a
    coroutine. `attach` and `detach` enclose the time in which the span is current, `run` and
    `pause` the time in which the thread's CPU time is the call's own.
    """

    __slots__ = ("_context", "_cpu_began", "_token", "cpu", "details", "record", "site", "span")

    def __init__(self, site: Site, attributes: dict[str, Any] | None = None) -> None:
        """Start the span and the readings, and note the call as in progress."""
        self.site = site
        self.details = Details()
        self.record: Record = [0.0, IN_PROGRESS, site, self.details]
        self.span: Span | None = None
        self.cpu: float | None = None
        self._cpu_began = 0.0
        self._context: Any = None
        self._token: Any = None
        try:
            self._prepare(attributes)
        except Exception:  # noqa: BLE001 - the user's call must not fail
            site.recorder.faults.note("begin", "a call is recorded without its span or resources")
        self.record[0] = site.now()
        site.cell.records.append(self.record)

    def attach(self) -> None:
        """Make the span current."""
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
            self._cpu_began = thread_cpu()

    def pause(self) -> None:
        """Stop the CPU time."""
        if self.cpu is not None:
            self.cpu += thread_cpu() - self._cpu_began

    def resume(self) -> None:
        """Make the span current and let the CPU time run: the body goes on."""
        self.attach()
        self.run()

    def suspend(self) -> None:
        """Stop the CPU time and hand the context back: the body has stopped."""
        self.pause()
        self.detach()

    def finish(self, error: BaseException | None) -> None:
        """Note the end of the call, in whatever way it came. A second time does nothing."""
        record, site = self.record, self.site
        if record[1] != IN_PROGRESS:
            return
        seconds = site.now() - record[0]
        try:
            self._complete(error)
        except Exception:  # noqa: BLE001 - the user's call must not fail
            site.recorder.faults.note("end", "a call is recorded without its span or resources")
        finish(site, record, seconds)
        if self.details.rss_before is not None:
            site.measured(seconds)

    def _prepare(self, attributes: dict[str, Any] | None) -> None:
        site = self.site
        recorder = site.recorder
        if attributes:
            self.details.attributes = dict(attributes)
        tracer = recorder.tracing.tracer()
        if tracer is not None:
            self._start_span(tracer, attributes)
        elif recorder.silent_provider is not spans.slot._TRACER_PROVIDER:  # noqa: SLF001
            # The provider makes no spans, so calls need not ask again.
            recorder.silent_provider = spans.slot._TRACER_PROVIDER  # noqa: SLF001
            recorder.regate()
        if site.measuring:
            self.details.rss_before = recorder.meter.rss()
            self.cpu = 0.0

    def _start_span(self, tracer: Tracer, attributes: dict[str, Any] | None) -> None:
        start_with = self.site.span_attributes()
        if attributes:
            start_with = {**start_with, **attributes}
        self.span, self._context = spans.start(tracer, self.site.cell.operation, start_with)
        spans.identify(self.span, self.details)

    def _complete(self, error: BaseException | None) -> None:
        details = self.details
        if error is not None:
            classify(details, error)
        if details.rss_before is not None:
            details.rss_after = self.site.recorder.meter.rss()
            details.cpu_seconds = self.cpu
        if self.span is not None:
            spans.end(self.span, details, error)


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, GeneratorExit):
        return True
    # An exception can be a library's own only where the library is loaded; importing asyncio for
    # this would double the time that importing vitalspan takes.
    for module, name in (("asyncio", "CancelledError"), ("trio", "Cancelled")):
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(error, kind):
            return True
    return False


def classify(details: Details, error: BaseException) -> None:
    """Note how a call ended that raised: cancelled, or failed with a qualified exception name."""
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
    record[1] = seconds
    # A call that began before a fork belongs to the parent, which counts it.
    if len(record) > 3 and record[0] >= site.recorder.born:
        cell.notes.append(record)
    if seconds >= site.attention:
        site.attend(record)
    if len(cell.records) >= cell.limit:
        site.recorder.folder.full(cell)


def fail(site: Site, record: Record, error: BaseException) -> None:
    """Complete the record of a call that raised and had no span."""
    if record[1] != IN_PROGRESS:
        return
    seconds = site.now() - record[0]
    details = Details()
    classify(details, error)
    record.append(details)
    finish(site, record, seconds)
