"""Daemon threads that run jobs, started on demand and ended when they are idle."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

Job = Callable[[], None]

IDLE_SECONDS: Final = 30.0
"""Seconds that a thread waits for its next job before it ends."""

_log = logging.getLogger(__name__)


class WorkerPool:
    """Runs jobs in threads that never keep the interpreter from exiting.

    The threads of `concurrent.futures` do: the interpreter waits for them when it exits, and a
    collector may hang forever.

    Args:
        max_threads: the maximum number of threads; further jobs wait.
    """

    def __init__(self, max_threads: int) -> None:
        self._max_threads = max_threads
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def submit(self, job: Job) -> bool:
        """Run a job in a thread; return False if no thread can be started for it."""
        with self._changed:
            if self._wants_thread() and not self._start_thread():
                return False
            self._jobs.append(job)
            self._changed.notify()
            return True

    def close(self) -> None:
        """Drop the waiting jobs, and end the threads once their current jobs are done."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()

    def _wants_thread(self) -> bool:
        return self._idle <= 0 and self._threads < self._max_threads

    def _start_thread(self) -> bool:
        thread = threading.Thread(target=self._work, name="vitalspan-http-worker", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            _log.debug("no thread could be started: %s", error)
            return False
        self._threads += 1
        self._idle += 1
        return True

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            try:
                job()
            except BaseException:  # noqa: BLE001
                # A collector may even raise SystemExit, and the thread is still needed for other
                # jobs.
                _log.exception("a job of the HTTP server failed")
            with self._changed:
                self._idle += 1

    def _next_job(self) -> Job | None:
        with self._changed:
            while not self._jobs:
                in_time = not self._closed and self._changed.wait(IDLE_SECONDS)
                if not (in_time or self._jobs):
                    self._threads -= 1
                    self._idle -= 1
                    return None
            self._idle -= 1
            job = self._jobs.popleft()
            if self._jobs and self._wants_thread():
                # This job may hang, and the next one must not wait for it.
                self._start_thread()
            return job
