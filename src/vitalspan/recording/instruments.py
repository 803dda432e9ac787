"""The instruments of one monitor: its operations, caches and APIs, and their counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from vitalspan.clock import Clock
from vitalspan.config import Settings
from vitalspan.recording.call_site_table import CallSiteTable
from vitalspan.recording.counters import Cache, CounterTable
from vitalspan.recording.counts import ProcessCounts
from vitalspan.recording.operation import Operation, Unrecorded, block, define
from vitalspan.recording.options import OperationArguments, SpanExtras, block_words, check_options
from vitalspan.recording.recorder import Recorder
from vitalspan.runtime import fork

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from vitalspan.recording.api import Api
    from vitalspan.recording.prices import PriceTable

F = TypeVar("F", bound=Callable[..., Any])


class Instruments:
    """Records operations, caches and APIs. A monitor adds a registry, rules and health.

    Args:
        settings: the settings of the monitor.
        clock: provides durations and dates.
        tracer_provider: makes the spans; None uses the global provider.
    """

    def __init__(
        self, settings: Settings, clock: Clock, tracer_provider: TracerProvider | None
    ) -> None:
        self.clock = clock
        self._settings = settings
        self._recorder = Recorder(settings, clock, tracer_provider)
        self._call_sites = CallSiteTable(self._recorder, settings)
        self._counters = CounterTable(self._recorder, self._call_sites.component)
        self._process_counts = ProcessCounts(self._recorder, self._counters)
        self._switch(enabled=settings.enabled)

    @overload
    def operation(self, func: F, /) -> F: ...

    @overload
    def operation(
        self, name: str | None = None, /, **options: Unpack[OperationArguments]
    ) -> Operation: ...

    def operation(self, target: Any = None, /, **options: Unpack[OperationArguments]) -> Any:
        """Record a function as a decorator, or a block as a `with` or `async with` statement.

        Args:
            target: the operation's name. The default is the qualified name of the function;
                `@operation` without parentheses decorates as well.
            **options: the options of all calls of the operation:

                `component`: the part of the service that the operation belongs to.
                `labels`: labels of its series, as a mapping. Each set of values has its own series.
                A value may be `vitalspan.argument(name)`.
                `attributes`: attributes of its spans and its recent calls, never labels.
                `slow`: seconds; longer calls are kept in `slow_calls`.
                `resources`: whether resident memory and CPU time are measured: True for every call,
                False for none, None if it costs less than 0.5 % of the call.
                `buckets`: the upper bounds in seconds of the buckets for its durations; by default
                those of the monitor.
                `kind`: the kind of its spans: `internal`, `server`, `client`, `producer` or
                `consumer`.
                `links`: spans that its spans are linked to, as links or span contexts.
                `errors`: which exceptions are errors: types, or a function of the exception; by
                default all are, except the end of an iteration and `sys.exit(0)`.
                `error_results`: a function of the result that returns whether the call failed.
                `enabled`: False returns functions as they are.

        Raises:
            TypeError: for something that is not a function, such as a class, and for an unknown
                option.
            ConfigurationError: for an invalid label name or option value.
        """
        call_sites = self._call_sites
        if isinstance(target, str):
            # A block comes here each time it runs, nearly always with the same options.
            words = block_words(target, options) if options else target
            site = call_sites.blocks_by_words.get(words)
            if site is not None:
                return block(call_sites, site)
        if not options.pop("enabled", True):
            passive = Unrecorded(call_sites)
            return passive(target) if callable(target) else passive
        extras = None
        if "attributes" in options or "links" in options:
            extras = SpanExtras(options.pop("attributes", None) or {}, options.pop("links", ()))
        checked = check_options(target if isinstance(target, str) else None, **options)
        operation = define(call_sites, checked, extras)
        return operation if target is None or isinstance(target, str) else operation(target)

    def cache(self, name: str, *, component: str | None = None) -> Cache:
        """Return the counter of a cache's hits and misses."""
        return self._counters.cache(name, component)

    def api(self, name: str, *, component: str | None = None) -> Api:
        """Return the counter of the calls to an API, their tokens and their cost."""
        return self._counters.api(name, component)

    @property
    def prices(self) -> PriceTable:
        """The prices of models, for calls to APIs that do not give their cost."""
        return self._counters.prices

    @property
    def enabled(self) -> bool:
        """True if calls are recorded."""
        return self._recorder.enabled

    def enable(self) -> None:
        """Start recording calls that begin from now on."""
        self._switch(enabled=True)

    def disable(self) -> None:
        """Stop recording calls; those in progress are still completed."""
        self._switch(enabled=False)

    def fold(self) -> None:
        """Count every finished call now. Reading the metrics does this by itself."""
        self._recorder.all_series()

    def reset(self) -> None:
        """Start over from zero, as a forked child does by itself."""
        for part in (self._recorder, self._counters, self._process_counts):
            part.reset()

    def _reset_in_children(self) -> None:
        """Reset in forked children. Functions keep these parts alive without their monitor."""
        for part in (self._recorder, self._counters, self._process_counts):
            fork.reset_in_child(part)

    def _configure_instruments(self) -> None:
        """Apply the settings. A new component only applies to later definitions."""
        self._recorder.configure(self._settings)
        self._call_sites.configure(self._settings)
        self._counters.component = self._call_sites.component
        self._switch(enabled=self._settings.enabled)

    def _switch(self, *, enabled: bool) -> None:
        self._settings = replace(self._settings, enabled=enabled)
        self._counters.enabled = enabled
        self._recorder.switch(enabled=enabled)
