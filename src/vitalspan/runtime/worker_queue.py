"""A bounded queue that one daemon thread processes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from vitalspan.runtime.internal_errors import logger

T = TypeVar("T")


class WorkerQueue(Generic[T]):
    """Handles items one after the other, in a thread that starts with the first one.

    Args:
        name: the name of the thread.
        capacity: the maximum number of waiting items.
        handle: handles an item; it must not raise.
        finish: called in the thread when it ends.

    Attributes:
        lock: guards the queue; its owner may guard its own state with it as well.
        closed: set once no more items are accepted.
    """

    def __init__(
        self,
        name: str,
        capacity: int,
        handle: Callable[[T], None],
        finish: Callable[[], None],
    ) -> None:
        self.lock = threading.Condition()
        self.closed = threading.Event()
        self._capacity = capacity
        self._handle = handle
        self._finish = finish
        self._items: deque[T] = deque()
        self._name = name
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, replaces: Callable[[T], bool] = lambda _: True) -> T | None:
        """Add an item; in a full queue it replaces the oldest one that it may replace.

        Args:
            item: the new item.
            replaces: returns whether the new item may replace another one.

        Returns:
            The item that was dropped: the replaced one, or the new one if the queue is closed or
            full of items that it may not replace. None if no item was dropped.
        """
        with self.lock:
            if self.closed.is_set():
                return item
            left_out: T | None = None
            if len(self._items) >= self._capacity:
                oldest = next((at for at, old in enumerate(self._items) if replaces(old)), None)
                if oldest is None:
                    return item
                left_out = self._items[oldest]
                del self._items[oldest]
            self._items.append(item)
            self.wake()
            return left_out

    def wake(self) -> None:
        """Make sure that the thread is running if there are items."""
        with self.lock:
            if self._items:
                self._ensure_thread()
                self.lock.notify_all()

    def clear(self) -> int:
        """Drop the waiting items, and return how many there were."""
        with self.lock:
            dropped = len(self._items)
            self._items.clear()
            return dropped

    def close(self) -> None:
        """Accept no more items; the waiting ones are still handled, then the thread ends."""
        with self.lock:
            self.closed.set()
            self.lock.notify_all()

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end; return whether it has. The thread itself does not wait."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(max(0.0, seconds))
        return not thread.is_alive()

    def _ensure_thread(self) -> None:
        """Start the thread unless it is running, also if it has ended."""
        if self._thread is not None and self._thread.is_alive():
            return
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as refused:
            # No thread can be started, or the interpreter is exiting: it may work next time.
            logger.debug("%s could not be started: %s", self._name, refused)
            return
        self._thread = thread

    def _work(self) -> None:
        try:
            while True:
                with self.lock:
                    while not self._items:
                        if self.closed.is_set():
                            return
                        self.lock.wait()
                    item = self._items.popleft()
                self._handle(item)
        finally:
            with suppress(Exception):
                self._finish()
