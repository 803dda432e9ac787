"""The instruments of one monitor: its operations, caches and APIs, with what they count in."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from vitalspan.clock import Clock
from vitalspan.config import Settings
from vitalspan.labels import value_text
from vitalspan.recording.boundary_table import BoundaryTable
from vitalspan.recording.call_site_table import CallSiteTable
from vitalspan.recording.counters import CounterTable
from vitalspan.recording.counts import ProcessCounts
from vitalspan.recording.operation import Operation, Unrecorded
from vitalspan.recording.options import OperationArguments, SpanExtras, check_options
from vitalspan.recording.recorder import Recorder
from vitalspan.runtime import fork

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider


class Instruments:
    """Makes the operations, caches and APIs of one monitor.

    Args:
        settings: of the monitor.
        clock: where durations and dates come from.
        tracer_provider: makes the spans; None follows the global provider.

    Attributes:
        recorder: what all operations share.
        call_sites: the operations.
        counters: the caches and APIs.
        counts: what all of them have counted in this process.
    """

    def __init__(
        self, settings: Settings, clock: Clock, tracer_provider: TracerProvider | None
    ) -> None:
        self.recorder = Recorder(
            clock=clock,
            tracer_provider=tracer_provider,
            max_series=settings.max_series,
            recent_calls=settings.recent_calls,
            slow_calls=settings.slow_calls,
            boundaries=BoundaryTable(settings.buckets, from_slos=settings.buckets_from_slos),
        )
        self.call_sites = CallSiteTable(
            self.recorder, settings.component, qualified_names=settings.qualified_names
        )
        self.counters = CounterTable(
            self.call_sites.component, self.recorder.internal_errors, self.recorder.now
        )
        self.counts = ProcessCounts(self.recorder, self.counters)
        self.switch(enabled=settings.enabled)

    def operation(self, target: Any, options: OperationArguments) -> Any:
        """Return an operation, or the decorated function if `target` is one.

        Raises:
            TypeError: for something that is not a function, such as a class, and for an unknown
                option.
            ConfigurationError: for a label name or another value that an option cannot have.
        """
        call_sites = self.call_sites
        if not options.pop("enabled", True):
            passive = Unrecorded(call_sites)
            return passive(target) if callable(target) else passive
        extras = None
        if "attributes" in options or "links" in options:
            extras = SpanExtras(options.pop("attributes", None) or {}, options.pop("links", ()))
        checked = check_options(target if isinstance(target, str) else None, **options)
        operation = Operation(call_sites, call_sites.blocks.get(checked), checked, extras)
        return operation if target is None or isinstance(target, str) else operation(target)

    def configure(self, settings: Settings) -> None:
        """Apply settings. A new component applies to what is defined from now on."""
        recorder = self.recorder
        self.call_sites.qualified_names = settings.qualified_names
        self.call_sites.component = self.counters.component = value_text(settings.component)
        recorder.series_table.limit = settings.max_series
        recorder.aggregator.recent.resize(settings.recent_calls)
        recorder.slow = deque(recorder.slow, maxlen=settings.slow_calls)
        recorder.set_buckets(settings.buckets, from_slos=settings.buckets_from_slos)
        self.switch(enabled=settings.enabled)

    def switch(self, *, enabled: bool) -> None:
        """Begin or stop recording everywhere."""
        self.counters.enabled = enabled
        self.recorder.switch(enabled=enabled)

    def reset_in_children(self) -> None:
        """Let forked children begin anew. Functions keep the parts alive without their monitor."""
        for part in (self.recorder, self.counters, self.counts):
            fork.reset_in_child(part)

    def reset(self) -> None:
        """Begin anew from zero, as a forked child does by itself."""
        for part in (self.recorder, self.counters, self.counts):
            part.reset()
