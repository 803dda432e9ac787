"""A call that has a span, or whose CPU time and memory are measured."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from vitalspan.recording import spans
from vitalspan.recording.attributes import kept_value, span_attributes
from vitalspan.recording.call_record import IN_PROGRESS, Record, details_of
from vitalspan.recording.enclosing_sessions import enclose
from vitalspan.recording.options import SpanExtras
from vitalspan.recording.outcome import classify, end
from vitalspan.recording.resource_meter import thread_cpu

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.trace import Link, Span, SpanContext

    from vitalspan.recording.call_site import CallSite
    from vitalspan.recording.resource_meter import ResourceMeter


# Reading an enum member takes longer than most of the work of a call.
_INTERNAL: Final = SpanKind.INTERNAL


def open_span(
    site: CallSite,
    attributes: Mapping[str, Any] | None = None,
    links: Sequence[Link | SpanContext] = (),
) -> tuple[Span | None, Any]:
    """Start a span as the child of the current one and make it current.

    Returns:
        The span if it records, and the token of its context if it is current.
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
        links = links or site.links
        context = spans.current()
        span = tracer.start_span(
            site.series.operation,
            context,
            site.options.kind or _INTERNAL,
            start_with,
            list(map(spans.link_to, links)) if links else None,
        )
        token = spans.attach(spans.within(span, context))
        return (span if span.is_recording() else None), token
    except Exception:  # noqa: BLE001 - the user's call must not fail
        recorder.internal_errors.note("begin", "a call is recorded without its span")
        return None, None


def note_span(record: Record, span: Span) -> None:
    """Store the ids of a call's span, so that the call can be found by them while it runs."""
    try:
        details_of(record).span = span.get_span_context()
    except Exception:  # noqa: BLE001 - the user's call must not fail
        record[2].recorder.internal_errors.note(
            "begin", "the trace id of a running call is unknown"
        )


def close_span(record: Record, span: Span, error: BaseException | None = None) -> None:
    """End a span with the outcome of its call."""
    try:
        details = details_of(record)
        if details.span_closed:
            # A signal handler raised in here before.
            return
        details.span_closed = True
        if details.span is None:
            details.span = span.get_span_context()
        spans.end(span, details, error)
    except Exception:  # noqa: BLE001 - the user's call must not fail
        record[2].recorder.internal_errors.note("end", "a span could not be ended properly")


class MeasuredCall:
    """The span, the resource readings and the record of one call.

    The body of a call may pause and resume, at each `yield` of a generator or each `await` of a
    coroutine. The span is current between `attach` and `detach`, and the thread's CPU time belongs
    to the call between `run` and `pause`.
    """

    __slots__ = ("_context", "_cpu_began", "_shared", "_thread", "_token", "cpu", "record", "span")

    def __init__(self, site: CallSite, extras: SpanExtras | None = None) -> None:
        """Start the span, make it current, and begin the readings."""
        attributes = extras and span_attributes(extras.attributes, site.recorder.internal_errors)
        self.span, self._token = open_span(site, attributes, extras.links if extras else ())
        self._context: Any = None
        self.cpu: float | None = None
        self._cpu_began = 0.0
        self._shared = False
        self._thread = 0
        self.record: Record = [0.0, IN_PROGRESS, site]
        if attributes:
            details_of(self.record).attributes = {
                str(key): kept_value(value) for key, value in attributes.items()
            }
        if site.measuring:
            self._read_before(site.recorder.meter)

    def begin(self) -> None:
        """Note the call as in progress.

        The constructor does not do this, because a signal handler may raise when it returns, and
        nobody would have an object to end.
        """
        record = self.record
        site = record[2]
        if self.span is not None:
            note_span(record, self.span)
        if site.recorder.open_sessions:
            enclose(record)
        record[0] = site.now()
        site.series.records.append(record)

    def attach(self) -> None:
        """Make the span current again."""
        if self._context is not None:
            self._token = spans.attach(self._context)

    def detach(self) -> None:
        """Restore the context of the caller."""
        if self._token is not None:
            # If the body has made something else current, such as a span, that is restored when it
            # resumes.
            self._context = spans.current()
            token, self._token = self._token, None
            spans.detach(token)

    def run(self) -> None:
        """Start counting CPU time."""
        if self.cpu is not None:
            self._thread = get_ident()
            self._cpu_began = thread_cpu()

    def pause(self) -> None:
        """Stop counting CPU time."""
        if self.cpu is not None:
            self.cpu += thread_cpu() - self._cpu_began
            if get_ident() != self._thread:
                # A block that one thread entered and another leaves; their CPU clocks differ.
                self._shared = True

    def share(self) -> None:
        """Stop measuring CPU time: other tasks of this thread will run during the call."""
        self._shared = True

    def resume(self) -> None:
        """Make the span current and measure CPU time: the body resumes."""
        self.attach()
        self.run()

    def suspend(self) -> None:
        """Stop measuring CPU time and restore the caller's context: the body pauses."""
        self.pause()
        self.detach()

    def end(self, error: BaseException | None = None) -> None:
        """Record the end of the call, however it ended. A second call does nothing."""
        record = self.record
        if record[1] != IN_PROGRESS:
            return
        site = record[2]
        seconds = site.now() - record[0]
        token, self._token = self._token, None
        if token is not None:
            spans.detach(token)
        if error is not None:
            classify(site, details_of(record), error)
        if self.cpu is not None:
            self._read_after(site.recorder.meter)
        if self.span is not None:
            close_span(record, self.span, error)
        end(site, record, seconds)
        if self.cpu is not None:
            site.decide_measuring(seconds)

    def _read_before(self, meter: ResourceMeter) -> None:
        try:
            details_of(self.record).rss_before = meter.rss()
        except Exception:  # noqa: BLE001 - the user's call must not fail
            self._note("begin", "a call's resources are not measured")
        self.cpu = 0.0

    def _read_after(self, meter: ResourceMeter) -> None:
        details = details_of(self.record)
        details.counted = True
        details.cpu_seconds = None if self._shared else self.cpu
        try:
            details.rss_after = meter.rss()
        except Exception:  # noqa: BLE001 - the user's call must not fail
            self._note("end", "a call's resources are not measured")

    def _note(self, where: str, problem: str) -> None:
        self.record[2].recorder.internal_errors.note(where, problem)
