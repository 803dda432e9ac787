"""The handler of SIGTERM, which finishes tasks before the process ends.

By default SIGTERM ends a process at once, without calling `atexit` functions. In that case, a
handler finishes all registered tasks, and then ends the process with the same signal. A program
with a handler of its own exits by itself and is left alone, except for servers that restore the
default handler and raise the signal again once they have shut down.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final, Protocol

from vitalspan.runtime import fork

_RAISE_AGAIN: Final = ("uvicorn.",)
"""The modules of servers whose handlers end their process with the signal itself."""


_LONGEST_WAIT: Final = 60.0
"""Seconds that the end of the process waits for tasks, although all of them should be faster."""

_RETRY: Final = 0.2
"""Seconds after which the signal is sent again, if the main thread has not handled it."""


class Task(Protocol):
    """Something that has to be done in another thread, in bounded time."""

    def finish(self, *, ending: bool) -> None:
        """Finish the task.

        Args:
            ending: whether the process ends right afterwards; otherwise it ends soon.
        """


class _State:
    """The state of ending this process."""

    def __init__(self) -> None:
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Start over in a forked child, because the signal was its parent's."""
        self.begun = self.done = self.handled = False
        self.ended_by: int | None = None
        self.finished = threading.Event()


_state: Final = _State()
_tasks: weakref.WeakSet[Task] = weakref.WeakSet()


def terminate(number: int) -> None:
    """End the process with a signal, as if it had no handler."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


_last: list[Callable[[int], None]] = [terminate]


def end_with(function: Callable[[int], None]) -> None:
    """End the process, after all tasks, with a function that calls `terminate`.

    Args:
        function: called in the handler, with the number of the signal.
    """
    _last[0] = function
    if threading.current_thread() is threading.main_thread():
        _replace_default()


def watch(task: Task) -> None:
    """Let a task finish before SIGTERM ends the process, as long as the task exists."""
    _tasks.add(task)
    install()


def forget(task: Task) -> None:
    """Stop waiting for a task."""
    _tasks.discard(task)


def install() -> None:
    """Install the handler if the default one, or that of a server, is in place.

    Only the main thread can do this; in others nothing happens.
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
    """End the process with the received signal, if it exits by itself while tasks finish."""
    if _state.ended_by is not None:
        _state.finished.wait(_LONGEST_WAIT)
        _last[0](_state.ended_by)


def handle(number: int, _: FrameType | None) -> None:
    """Finish all tasks, and then end the process with the same signal."""
    if _are_done(number, ending=True):
        _last[0](number)


class _Before:
    """Finishes all tasks before a server's handler gets the signal.

    Args:
        handler: the handler of the server.
    """

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if _are_done(number, ending=False):
            self._handler(number, frame)


def _are_done(number: int, *, ending: bool) -> bool:
    """Return whether all tasks have finished; the handler is called again once they have."""
    if _state.done or not _tasks:
        _state.handled = True
        return True
    if _state.begun:
        return False
    _state.begun = True
    if ending:
        _state.ended_by = number
    # The interrupted thread may hold locks that a task needs, so it continues in the meantime. It
    # may also be starting a thread, and must not start another one in the middle of that.
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
        _signal_until_handled(number)


def _signal_until_handled(number: int) -> None:
    """Let the main thread call the handler again.

    One that is about to wait in the system when the signal arrives would only call it after that,
    perhaps never. Waking it up again makes it do so.
    """
    while not _state.handled:
        os.kill(os.getpid(), number)
        time.sleep(_RETRY)
        handler = signal.getsignal(number)
        if handler is not handle and not isinstance(handler, _Before):
            return


def finish_all(*, ending: bool) -> None:
    """Finish all tasks in parallel, and wait for them up to a limit.

    Args:
        ending: whether the process ends right afterwards; otherwise it ends soon.
    """
    threads = [
        threading.Thread(target=task.finish, kwargs={"ending": ending}, daemon=True)
        for task in list(_tasks)
    ]
    # No thread can be started, or the interpreter is exiting.
    with suppress(RuntimeError):
        for thread in threads:
            thread.start()
    deadline = time.monotonic() + _LONGEST_WAIT
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
