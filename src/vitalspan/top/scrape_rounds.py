"""Rounds of scrapes of all services, in background threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from vitalspan.clock import Clock
from vitalspan.top.instances import Instance, Snapshot


class Rounds:
    """Scrapes all instances in parallel, round by round.

    A scrape that takes longer than a round is not started again in the next one, and delays no
    other.

    Args:
        instances: the instances to scrape.
        interval: seconds between the starts of two rounds.
        clock: provides the time.
    """

    def __init__(self, instances: Sequence[Instance], interval: float, clock: Clock) -> None:
        self._instances = instances
        self._interval = interval
        self._clock = clock
        self._threads: dict[int, threading.Thread] = {}
        self._due = clock.now()

    def start_if_due(self) -> None:
        """Start a round if it is due."""
        if self._clock.now() >= self._due:
            self._start()

    def _start(self) -> None:
        self._due = self._clock.now() + self._interval
        for at, instance in enumerate(self._instances):
            if at not in self._threads:
                # A daemon thread, because a server that hangs must not delay the exit of the
                # program.
                thread = threading.Thread(target=instance.scrape, name="vitalspan-top", daemon=True)
                self._threads[at] = thread
                thread.start()

    def finished(self) -> Snapshot | None:
        """Return a snapshot if a scrape has ended since the previous call; None otherwise."""
        ended = [at for at, thread in self._threads.items() if not thread.is_alive()]
        for at in ended:
            del self._threads[at]
        return self._snapshot() if ended else None

    def run(self) -> Snapshot:
        """Run a complete round and return its result."""
        self._start()
        for thread in self._threads.values():
            thread.join()
        self._threads.clear()
        return self._snapshot()

    def run_twice(self, pause: Callable[[float], object]) -> Snapshot:
        """Run two rounds, which are necessary for rates, and return the result of the second one.

        Args:
            pause: waits for some seconds.
        """
        first = self.run()
        if not first.reachable:
            return first
        pause(self.wait)
        return self.run()

    @property
    def under_way(self) -> bool:
        """Whether a scrape is running or its end has not been noticed yet."""
        return bool(self._threads)

    @property
    def wait(self) -> float:
        """Seconds until the next round is due."""
        return max(0.0, self._due - self._clock.now())

    def _snapshot(self) -> Snapshot:
        states = tuple(instance.state for instance in self._instances)
        return Snapshot(self._clock.wall(), states)
