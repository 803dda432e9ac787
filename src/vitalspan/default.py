"""The default monitor, which comes into being with the first operation that names none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from vitalspan.bridge import tracing as tracing_setup
from vitalspan.config import Settings, from_environment
from vitalspan.monitor import Monitor
from vitalspan.record import fork
from vitalspan.record.counters import Api, Cache
from vitalspan.record.operation import Operation

F = TypeVar("F", bound=Callable[..., Any])

_monitors: list[Monitor] = []


class _Making:
    """Keeps threads from making two default monitors."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew in a forked child, with a lock that no other thread can hold."""
        self.lock = threading.RLock()


_making = _Making()


def get_monitor() -> Monitor:
    """Return the default monitor, which is made by the first call, in prometheus_client's registry.

    Raises:
        ConfigurationError: for a `VITALSPAN_*` variable that cannot be.
    """
    return _monitors[0] if _monitors else _made({})


def configure(*, tracing: str | None = None, **settings: Any) -> Monitor:
    """Change the default monitor's settings, and let it tick. They go before the environment's.

    Args:
        tracing: `otlp` configures a tracer provider that exports by OTLP, unless there is one.
        **settings: as `vitalspan.config.Settings` lists them.

    Raises:
        ConfigurationError: for a setting that cannot be; nothing is changed then.
        MissingExtraError: where `tracing="otlp"` lacks its exporter.
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
        monitor = _made(settings)
        monitor.start()
        return monitor


@overload
def operation(func: F, /) -> F: ...


@overload
def operation(
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


def operation(target: Any = None, /, **options: Any) -> Any:
    """Record a function or a block with the default monitor; see `Monitor.operation`."""
    return get_monitor().operation(target, **options)


def cache(name: str, *, component: str | None = None) -> Cache:
    """Return the counter of a cache's hits and misses in the default monitor."""
    return get_monitor().cache(name, component=component)


def api(name: str, *, component: str | None = None) -> Api:
    """Return the counter of the calls to an API in the default monitor."""
    return get_monitor().api(name, component=component)


def _made(settings: Mapping[str, Any]) -> Monitor:
    fork.reset_in_child(_making)
    with _making.lock:
        if not _monitors:
            wanted = {**from_environment(), **settings}
            monitor = Monitor(**wanted)
            _monitors.append(monitor)
            if Settings().changed(wanted).alerting:
                monitor.start()
        return _monitors[0]
