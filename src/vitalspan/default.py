"""The default monitor behind `operation`, `cache` and `api`, which is created on first use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from vitalspan.bridge import tracer_provider as tracing_setup
from vitalspan.config import Settings
from vitalspan.environment_settings import from_environment, warn_of_misspelled
from vitalspan.labels import Labels
from vitalspan.monitor import Monitor
from vitalspan.recording.call_site_table import CallSiteTable
from vitalspan.recording.counters import Cache
from vitalspan.recording.operation import Operation, Unrecorded, define
from vitalspan.recording.options import OperationArguments
from vitalspan.recording.pickling import builders
from vitalspan.recording.recorder import Recorder
from vitalspan.recording.series import Series
from vitalspan.runtime import fork

if TYPE_CHECKING:
    from vitalspan.recording.api import Api

F = TypeVar("F", bound=Callable[..., Any])

_monitors: list[Monitor] = []


def _recorder() -> Recorder:
    return get_monitor()._recorder  # noqa: SLF001 - what is unpickled belongs to it


def _call_sites() -> CallSiteTable:
    return get_monitor()._call_sites  # noqa: SLF001 - what is unpickled belongs to it


def _series(component: str, operation: str, labels: Labels) -> Series:
    return _recorder().series_table.get(component, operation, labels)


builders.update(
    aggregator=lambda: _recorder().aggregator,
    api=lambda name, component: get_monitor().api(name, component=component),
    cache=lambda name, component: get_monitor().cache(name, component=component),
    call_site=lambda *definition: _call_sites().add(*definition),
    operation=lambda options, extras: define(_call_sites(), options, extras),
    recorder=_recorder,
    series=_series,
    unrecorded=lambda: Unrecorded(_call_sites()),
)


class _Making:
    """The lock that keeps two threads from creating two default monitors."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start over in a forked child, with a lock that no other thread can hold."""
        self.lock = threading.RLock()


_making = _Making()


def get_monitor() -> Monitor:
    """Return the default monitor, which is created on first use in the default registry.

    Raises:
        ConfigurationError: for an invalid `VITALSPAN_*` variable.
    """
    return _monitors[0] if _monitors else _make({})


def configure(*, tracing: str | None = None, **settings: Any) -> Monitor:
    """Change settings of the default monitor, and start it.

        vs.configure(component="shop", rules="rules.yml", store="sqlite:///history.db")

    The arguments take precedence over environment variables.

    Args:
        tracing: `otlp` sets up a tracer provider that exports with OTLP, if there is none yet.
        **settings: see `vitalspan.config.Settings`.

    Raises:
        ConfigurationError: for an invalid setting; nothing is changed then.
        MissingExtraError: if `tracing="otlp"` is given and no exporter is installed.
    """
    fork.reset_in_child(_making)
    with _making.lock:
        Settings().changed(settings)
        if not _monitors:
            from_environment()
        if tracing is not None:
            tracing_setup.set_up(tracing)
        if _monitors:
            _monitors[0].configure(**settings)
        monitor = _make(settings)
        monitor.start()
        return monitor


@overload
def operation(func: F, /) -> F: ...


@overload
def operation(name: str | None = None, /, **options: Unpack[OperationArguments]) -> Operation: ...


def operation(target: Any = None, /, **options: Unpack[OperationArguments]) -> Any:
    """Record a function or a block with the default monitor; see `Monitor.operation`.

    @vs.operation
    def checkout(order): ...

    with vs.operation("parse", labels={"kind": "page"}) as call:
        call.add("items", 25)
    """
    return get_monitor().operation(target, **options)


def cache(name: str, *, component: str | None = None) -> Cache:
    """Return the counter of a cache's hits and misses in the default monitor.

        pages = vs.cache("pages")
        pages.hit()

    Args:
        name: the name of the cache, which becomes the label `cache`.
        component: the part of the service that it belongs to; by default that of the settings.
    """
    return get_monitor().cache(name, component=component)


def api(name: str, *, component: str | None = None) -> Api:
    """Return the counter of the calls to an API in the default monitor.

        model = vs.api("openai")
        model.record(tokens=310, cost=0.0021)

    Args:
        name: the name of the API, which becomes the label `api`.
        component: the part of the service that it belongs to; by default that of the settings.
    """
    return get_monitor().api(name, component=component)


def _make(settings: Mapping[str, Any]) -> Monitor:
    fork.reset_in_child(_making)
    with _making.lock:
        if not _monitors:
            all_settings = {**from_environment(), **settings}
            monitor = Monitor(**all_settings)
            _monitors.append(monitor)
            warn_of_misspelled()
            settings_of_all = Settings().changed(all_settings)
            if settings_of_all.alerting or settings_of_all.metrics or settings_of_all.reports:
                monitor.start()
        return _monitors[0]
