"""The operations of the older monitors: decorators and blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Self, TypeVar

from vitalspan.compat.performance_monitor.records import OperationMetrics
from vitalspan.default import get_monitor
from vitalspan.monitor import Monitor
from vitalspan.recording.call import Call
from vitalspan.recording.call_record import IN_PROGRESS, to_call_record
from vitalspan.recording.operation import Operation

_UNRECORDED: Final = [0.0, 0.0]
"""The start and duration of a call that is not recorded."""

F = TypeVar("F", bound=Callable[..., Any])


def monitor_of(face: Any) -> Monitor:
    """Return the monitor of a facade; None is the default one, and a monitor is returned as is."""
    if face is None:
        return get_monitor()
    monitor: Monitor = face if isinstance(face, Monitor) else face.monitor
    return monitor


def monitor_performance(
    name: Any = None,
    monitor: Any = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    enabled: bool = True,
) -> Any:
    """Record a function, coroutine function or generator function as a decorator.

    Args:
        name: the name of the operation; by default that of the function.
        monitor: the `PerformanceMonitor` or `vitalspan.Monitor` that records it; None is the
            default one.
        metadata: the attributes of the calls.
        enabled: False returns the function as it is.
    """
    if callable(name):
        return monitor_performance()(name)

    def decorate(func: F) -> F:
        if not enabled:
            return func
        # A wrapper of another decorator may have no name.
        called = name or getattr(func, "__name__", None) or type(func).__name__
        operation = monitor_of(monitor).operation(called, attributes=metadata or {})
        decorated: F = operation(func)
        return decorated

    return decorate


monitor_async_performance = monitor_performance
"""The same decorator, because coroutine functions are detected automatically."""


class PerformanceContext:
    """A block that is recorded, with `with` or `async with`.

    Args:
        name: the name of the operation.
        metadata: the attributes of the call.
        monitor: the monitor that records it; None is the default one.

    Attributes:
        metrics: the operation; complete after the block.
    """

    def __init__(
        self, name: str, metadata: Mapping[str, Any] | None = None, monitor: Any = None
    ) -> None:
        self._monitor = monitor_of(monitor)
        self._operation: Operation = self._monitor.operation(name, attributes=dict(metadata or {}))
        self._call: Call | None = None
        self.metrics = OperationMetrics(name, metadata=dict(metadata or {}))

    def __enter__(self) -> Self:
        self._call = self._operation.__enter__()
        self.metrics.start_time = self._monitor.clock.wall()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._operation.__exit__(kind, error, traceback)
        self._complete(error)

    async def __aenter__(self) -> Self:
        self._call = await self._operation.__aenter__()
        self.metrics.start_time = self._monitor.clock.wall()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        await self._operation.__aexit__(kind, error, traceback)
        self._complete(error)

    def add(self, name: str, amount: float = 1) -> None:
        """Count something that the operation did."""
        if self._call is not None:
            self._call.add(name, amount)

    def fail(self, error: object) -> None:
        """Count the operation as failed."""
        if self._call is not None:
            self._call.fail(error)

    def detach(self) -> None:
        """End the operation's span context, so that what follows is not within its span."""
        measured = None if self._call is None else self._call._measured  # noqa: SLF001 - ours
        if measured is not None:
            measured.detach()
            if _is_in_a_task():
                measured.share()

    def _complete(self, error: BaseException | None) -> None:
        record = None if self._call is None else self._call._record  # noqa: SLF001 - ours
        if record is None or record[1] == IN_PROGRESS or record[:2] == _UNRECORDED:
            # Nothing was recorded, because the monitor is disabled.
            self.metrics.finish(error is None, error)
            return
        self.metrics.fill(to_call_record(record, self._monitor._recorder.epoch()))  # noqa: SLF001


def monitor_block(
    name: str, metadata: Mapping[str, Any] | None = None, monitor: Any = None
) -> PerformanceContext:
    """Return a block that is recorded; the same as `PerformanceContext`."""
    return PerformanceContext(name, metadata, monitor)


def _is_in_a_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False
