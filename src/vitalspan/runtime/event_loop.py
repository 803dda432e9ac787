"""An event loop of a worker thread, for callbacks that are coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final

_inherited: Final[list[asyncio.AbstractEventLoop]] = []
"""Loops that a forked child shares with its parent. Closing one or garbage-collecting it would
remove the parent's sockets from a selector that both share."""


async def _end_others() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


class CallbackLoop:
    """Runs awaitables one at a time in one loop, which is created when it is needed.

    `run` and `close` must be called by the same thread.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    def run(self, awaitable: Awaitable[object], timeout: float) -> None:
        """Wait for an awaitable.

        Raises:
            TimeoutError: if it takes longer than `timeout` seconds; it is then cancelled.
        """
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._bounded(awaitable, timeout))

    def cancel(self) -> None:
        """Cancel the running awaitable; any thread may call this."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            # The loop may have been closed in the meantime.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)

    def close(self) -> None:
        """Cancel everything that is still running in the loop, and close it."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        try:
            loop.run_until_complete(_end_others())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()

    def abandon_in_child(self) -> None:
        """Leave the loop to the parent, in a forked child."""
        if self._loop is not None:
            _inherited.append(self._loop)
        self._loop = self._task = None

    async def _bounded(self, awaitable: Awaitable[object], seconds: float) -> None:
        self._task = asyncio.current_task()
        try:
            await asyncio.wait_for(awaitable, seconds)
        except TimeoutError:
            raise TimeoutError(f"it took longer than {seconds:g} s") from None
        finally:
            self._task = None
