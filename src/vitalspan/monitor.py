"""A monitor: everything that records, and what shows it, around one registry."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, overload

from prometheus_client import REGISTRY, CollectorRegistry

from vitalspan.alerting import Alerting
from vitalspan.bridge import system
from vitalspan.bridge.collector import MonitorCollector
from vitalspan.bridge.exposition import generate_latest
from vitalspan.bridge.formats import Format
from vitalspan.bridge.state import State
from vitalspan.clock import Clock, SystemClock
from vitalspan.config import Settings
from vitalspan.errors import ConfigurationError
from vitalspan.record import fork
from vitalspan.record.counters import Api, Cache, Recording
from vitalspan.record.details import CallRecord
from vitalspan.record.labels import value_text
from vitalspan.record.operation import Definition, Operation, Unrecorded
from vitalspan.record.recorder import Recorder

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider
    from prometheus_client.registry import Collector

    from vitalspan.watch import Watch

F = TypeVar("F", bound=Callable[..., Any])


_living: weakref.WeakSet[Monitor] = weakref.WeakSet()


_served: weakref.WeakSet[Any] = weakref.WeakSet()


def let_tick(registry: object) -> None:
    """Let the monitors of a registry tick, also those that are made later."""
    # What cannot be referred to weakly is no registry that a monitor could be in.
    with suppress(TypeError):
        _served.add(registry)
    for monitor in monitors_of(registry):
        monitor.start()


def monitors_of(registry: object) -> list[Monitor]:
    """Return the monitors that show themselves in a registry, without waiting for anything."""
    while True:
        # It fails where another thread makes a monitor meanwhile.
        with suppress(RuntimeError):
            return [one for one in list(_living) if one.registry is registry and not one.closed]


class Monitor(Alerting):
    """Records operations and shows them in a prometheus_client registry.

    Args:
        registry: where the metrics appear; None is prometheus_client's default registry.
        tracer_provider: whose tracer makes the spans; None follows the global provider, whenever
            one is configured.
        clock: where durations and dates come from, for tests.
        **settings: as `vitalspan.config.Settings` lists them.

    Raises:
        ConfigurationError: for a setting that cannot be, or where the registry has these names.

    Attributes:
        registry: where the metrics appear.
        clock: where durations and dates come from.
        closed: whether it has left the registry.
    """

    def __init__(
        self,
        *,
        registry: CollectorRegistry | None = None,
        tracer_provider: TracerProvider | None = None,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self._settings = Settings().changed(settings)
        self.registry = REGISTRY if registry is None else registry
        self.clock = clock or SystemClock()
        self.closed = False
        self._recorder = Recorder(
            clock=self.clock,
            tracer_provider=tracer_provider,
            component=self._settings.component,
            max_series=self._settings.max_series,
            recent_calls=self._settings.recent_calls,
            slow_calls=self._settings.slow_calls,
        )
        self._recording = Recording(self._recorder.component, self._recorder.faults)
        self._state = State(
            self._recorder, self._recording, self._settings.metric_prefix, self._alert_blocks
        )
        self._collectors: list[Collector] = []
        self._switch(enabled=self._settings.enabled)
        if self._settings.alerting:
            # A rule file with mistakes must leave nothing of this in the registry.
            self._watch.configure(self._settings)
        try:
            self._register(self._settings)
        except ConfigurationError:
            if self._watching is not None:
                self._watching.close()
            raise
        # Functions keep these alive when nothing else keeps the monitor.
        for part in (self._recorder, self._recording, self._state):
            fork.reset_in_child(part)
        _living.add(self)
        if self.registry in _served:
            self.start()

    @overload
    def operation(self, func: F, /) -> F: ...

    @overload
    def operation(
        self,
        name: str | None = None,
        /,
        *,
        component: str | None = None,
        labels: Mapping[str, object] | None = None,
        attributes: Mapping[str, Any] | None = None,
        slow: float | None = None,
        resources: bool | None = None,
        enabled: bool = True,
    ) -> Operation: ...

    def operation(
        self,
        target: Any = None,
        /,
        *,
        component: str | None = None,
        labels: Mapping[str, object] | None = None,
        attributes: Mapping[str, Any] | None = None,
        slow: float | None = None,
        resources: bool | None = None,
        enabled: bool = True,
    ) -> Any:
        """Record a function, by decorating it, or a block, in a `with` or `async with` statement.

        Args:
            target: the operation's name; without one, a function is named by its qualified name.
                `@operation` alone decorates as well.
            component: the part of the service it belongs to.
            labels: labels of its series. Every distinct set of values makes series of its own.
            attributes: attributes of its spans and its recent calls, never labels.
            slow: seconds from which on a call is kept in `slow_calls`.
            resources: whether resident memory and CPU time are measured: True for every call, False
                for none, None where a call lasts long enough for it to cost under 0.5 % of it.
            enabled: False returns functions as they are.

        Raises:
            TypeError: for something that is not a function, a class for example.
            ConfigurationError: for a label name that cannot be one.
        """
        recorder = self._recorder
        if not enabled:
            passive = Unrecorded(recorder)
            return passive(target) if callable(target) else passive
        if isinstance(target, str):
            # A block comes by here each time it runs, nearly always in the same words, and these
            # are a name alone.
            if component is None and labels is None and slow is None and resources is None:
                site = recorder.named.get(target)
            else:
                site = recorder.known_site(target, component, labels, slow, resources)
            if site is not None:
                return Operation(site, attributes)
        definition = Definition(
            recorder,
            str(target) if isinstance(target, str) else None,
            component=component,
            labels=labels,
            slow=slow,
            resources=resources,
        )
        operation = Operation(None, attributes, definition)
        return operation if target is None or isinstance(target, str) else operation(target)

    def cache(self, name: str, *, component: str | None = None) -> Cache:
        """Return the counter of a cache's hits and misses."""
        return self._recording.cache(name, component)

    def api(self, name: str, *, component: str | None = None) -> Api:
        """Return the counter of the calls to an API, their tokens and their cost."""
        return self._recording.api(name, component)

    @property
    def enabled(self) -> bool:
        """Whether calls are recorded."""
        return self._recorder.enabled

    def enable(self) -> None:
        """Record calls, those that begin from now on."""
        self._switch(enabled=True)

    def disable(self) -> None:
        """Record no calls; those in progress are still completed."""
        self._switch(enabled=False)

    def recent_calls(self) -> list[CallRecord]:
        """Return the calls that ended last, the latest last."""
        return self._recorder.recent()

    def slow_calls(self) -> list[CallRecord]:
        """Return the latest calls that took longer than their operation's `slow`."""
        return list(self._recorder.slow)

    def fold(self) -> None:
        """Count every finished call now. Reading does this by itself."""
        self._recorder.cells()

    def generate_latest(self, format: Format = Format.TEXT_0_0_4) -> bytes:  # noqa: A002 - the word
        """Return the metrics of this monitor's registry as text."""
        return generate_latest(self.registry, format=format)

    def configure(self, **settings: Any) -> None:
        """Change settings. A component takes effect for what is defined from now on.

        Raises:
            ConfigurationError: for a setting that cannot be; nothing is changed then.
        """
        wanted, recorder = self._settings.changed(settings), self._recorder
        if self._watching is not None or wanted.alerting:
            self._watch.configure(wanted)
        self._show_as(wanted)
        self._settings = wanted
        recorder.component = self._recording.component = value_text(wanted.component)
        recorder.series.limit = wanted.max_series
        recorder.folder.recent.resize(wanted.recent_calls)
        recorder.slow = deque(recorder.slow, maxlen=wanted.slow_calls)
        self._switch(enabled=wanted.enabled)

    def close(self) -> None:
        """Take this monitor out of its registry and end its threads. Calls go on being recorded."""
        self.closed = True
        if self._watching is not None:
            self._watching.close()
        self._leave()

    def _leave(self) -> None:
        collectors, self._collectors = self._collectors, []
        for collector in collectors:
            # The registry's owner may have taken it out already.
            with suppress(KeyError):
                self.registry.unregister(collector)

    def reset(self) -> None:
        """Begin anew from zero, as a forked child does by itself."""
        self._recorder.reset()
        self._recording.reset()
        self._state.reset()
        if self._watching is not None:
            self._watching.reset()

    def _make_watch(self) -> Watch:
        # What this needs takes longer to import than all the rest.
        from vitalspan.watch import Watch  # noqa: PLC0415

        return Watch(self._recorder, self._recording, self.registry, self._settings)

    def _switch(self, *, enabled: bool) -> None:
        self._settings = replace(self._settings, enabled=enabled)
        self._recording.enabled = enabled
        self._recorder.switch(enabled=enabled)

    def _show_as(self, wanted: Settings) -> None:
        before = self._settings
        shown = (wanted.metric_prefix, wanted.system_metrics)
        if not self._collectors or shown == (before.metric_prefix, before.system_metrics):
            self._state.prefix = wanted.metric_prefix
            return
        self._leave()
        try:
            self._register(wanted)
        except ConfigurationError:
            self._register(before)
            raise

    def _register(self, settings: Settings) -> None:
        self._state.prefix = settings.metric_prefix
        collector = MonitorCollector(self._state)
        try:
            self.registry.register(collector)
        except ValueError as clash:
            raise ConfigurationError(
                "the registry has metrics of these names already, another monitor's perhaps: use "
                f"another registry, or metric_prefix=, or close the other monitor ({clash})"
            ) from clash
        self._collectors = [collector]
        if settings.system_metrics:
            self._collectors += system.register(self.registry, self._recorder.now)
