"""Rounds of scrapes of all services, in threads beside the screen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from vitalspan.clock import Clock
from vitalspan.top.instances import Instance, Snapshot


class Rounds:
    """Scrapes all instances side by side, round by round.

    One that takes longer than a round is left out of the next one, and holds up no other.

    Args:
        instances: what is scraped.
        interval: seconds from the begin of one round to that of the next.
        clock: where time comes from.
    """

    def __init__(self, instances: Sequence[Instance], interval: float, clock: Clock) -> None:
        self._instances = instances
        self._interval = interval
        self._clock = clock
        self._threads: dict[int, threading.Thread] = {}
        self._due = clock.now()

    def start_if_due(self) -> None:
        """Begin a round if it is time for one."""
        if self._clock.now() >= self._due:
            self._start()

    def _start(self) -> None:
        self._due = self._clock.now() + self._interval
        for at, instance in enumerate(self._instances):
            if at not in self._threads:
                # A daemon, since a server that hangs shall not hold up the end of the program.
                thread = threading.Thread(target=instance.scrape, name="vitalspan-top", daemon=True)
                self._threads[at] = thread
                thread.start()

    def finished(self) -> Snapshot | None:
        """Return what is known, if a scrape has ended since the last time; None otherwise."""
        ended = [at for at, thread in self._threads.items() if not thread.is_alive()]
        for at in ended:
            del self._threads[at]
        return self._snapshot() if ended else None

    def run(self) -> Snapshot:
        """Run a whole round and return what it has found."""
        self._start()
        for thread in self._threads.values():
            thread.join()
        self._threads.clear()
        return self._snapshot()

    def run_twice(self, pause: Callable[[float], object]) -> Snapshot:
        """Run two rounds, which is what a rate takes, and return what the second one has found.

        Args:
            pause: waits so many seconds.
        """
        first = self.run()
        if not first.reachable:
            return first
        pause(self.wait)
        return self.run()

    @property
    def under_way(self) -> bool:
        """Whether a scrape has begun and its end has not been seen."""
        return bool(self._threads)

    @property
    def wait(self) -> float:
        """Seconds until the next round is due."""
        return max(0.0, self._due - self._clock.now())

    def _snapshot(self) -> Snapshot:
        states = tuple(instance.state for instance in self._instances)
        return Snapshot(self._clock.wall(), states)
