"""The handler of SIGTERM: what has to be done before the process ends by it.

By default SIGTERM ends a process at once, without the functions that `atexit` knows. Where that is
so, one handler lets everything end well that is registered here, and ends the process by the same
signal then. A program with a handler of its own exits by itself, and is left alone, but for servers
that restore the default and raise the signal again once they have shut down.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final, Protocol

from vitalspan.runtime import fork

_RAISE_AGAIN: Final = ("uvicorn.",)
"""Modules whose handlers are those of servers that end their process by the signal itself."""


_LONGEST_WAIT: Final = 60.0
"""Seconds that the end of the process waits for tasks, all of which take a bounded time."""


class Task(Protocol):
    """Something that has to be done in another thread, in bounded time."""

    def finish(self, *, ending: bool) -> None:
        """Do it.

        Args:
            ending: whether the process ends right after that; otherwise it does soon.
        """
        ...


class _State:
    """How far the end of this process has come."""

    def __init__(self) -> None:
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Begin anew in a forked child: the signal was its parent's."""
        self.begun = self.done = False
        self.ended_by: int | None = None
        self.finished = threading.Event()


_state: Final = _State()
_tasks: weakref.WeakSet[Task] = weakref.WeakSet()


def terminate(number: int) -> None:
    """End the process by a signal, as if it had no handler."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


_last: list[Callable[[int], None]] = [terminate]


def end_with(function: Callable[[int], None]) -> None:
    """End the process, after all tasks, by a function that does so by `terminate`.

    Args:
        function: is called in the handler, with the number of the signal.
    """
    _last[0] = function
    if threading.current_thread() is threading.main_thread():
        _replace_default()


def watch(task: Task) -> None:
    """Let a task finish before SIGTERM ends the process, as long as the task lives."""
    _tasks.add(task)
    install()


def forget(task: Task) -> None:
    """Let a task finish no more."""
    _tasks.discard(task)


def install() -> None:
    """Install the handler where the default one, or that of a server, is in force.

    Only the main thread can do so; in others nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    _replace_default()
    before = signal.getsignal(signal.SIGTERM)
    if (getattr(before, "__module__", None) or "").startswith(_RAISE_AGAIN):
        signal.signal(signal.SIGTERM, _Before(before))


def _replace_default() -> None:
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, handle)
        atexit.unregister(_end_by_signal)
        atexit.register(_end_by_signal)


def _end_by_signal() -> None:
    """End the process by the signal that came, if it ends by itself while tasks finish."""
    if _state.ended_by is not None:
        _state.finished.wait(_LONGEST_WAIT)
        _last[0](_state.ended_by)


def handle(number: int, _: FrameType | None) -> None:
    """Let all tasks finish, and end the process by the same signal then."""
    if _are_done(number, ending=True):
        _last[0](number)


class _Before:
    """Lets all tasks finish before the handler of a server learns of the signal.

    Args:
        handler: of the server.
    """

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if _are_done(number, ending=False):
            self._handler(number, frame)


def _are_done(number: int, *, ending: bool) -> bool:
    """Return whether all tasks have finished; the handler is called again once they have."""
    if _state.done or not _tasks:
        return True
    if _state.begun:
        return False
    _state.begun = True
    if ending:
        _state.ended_by = number
    # The thread that is interrupted may have locks that a task needs, so it goes on meanwhile. It
    # may be starting a thread as well, and must not begin to do so once more in the middle of it.
    try:
        _thread.start_new_thread(_finish_and_signal, (number, ending))
    except RuntimeError:
        return True
    return False


def _finish_and_signal(number: int, ending: bool) -> None:  # noqa: FBT001 - threads take no keywords
    try:
        finish_all(ending=ending)
    finally:
        _state.done = True
        _state.finished.set()
        os.kill(os.getpid(), number)


def finish_all(*, ending: bool) -> None:
    """Let all tasks finish side by side, and wait for them.

    Args:
        ending: whether the process ends right after that; otherwise it does soon.
    """
    threads = [
        threading.Thread(target=task.finish, kwargs={"ending": ending}, daemon=True)
        for task in list(_tasks)
    ]
    # There may be no room for more threads, or the interpreter ends already.
    with suppress(RuntimeError):
        for thread in threads:
            thread.start()
    for thread in threads:
        if thread.ident is not None:
            thread.join()
