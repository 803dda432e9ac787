"""Rounds of scrapes, beside the screen so that keys are answered at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from vitalspan.clock import Clock
from vitalspan.top.instances import Instance, Snapshot


class Rounds:
    """Scrapes all instances side by side, round by round.

    Args:
        instances: what is scraped.
        interval: seconds from the begin of one round to that of the next.
        clock: where time comes from.
    """

    def __init__(self, instances: Sequence[Instance], interval: float, clock: Clock) -> None:
        self._instances = instances
        self._interval = interval
        self._clock = clock
        self._threads: list[threading.Thread] = []
        self._due = clock.now()

    def start_if_due(self) -> None:
        """Begin a round if it is time for one and the last one has ended."""
        if self._threads or self._clock.now() < self._due:
            return
        self._due = self._clock.now() + self._interval
        # Daemons, since a server that hangs shall not hold up the end of the program.
        self._threads = [
            threading.Thread(target=one.scrape, name="vitalspan-top", daemon=True)
            for one in self._instances
        ]
        for thread in self._threads:
            thread.start()

    def finished(self) -> Snapshot | None:
        """Return what a round has found that has just ended; None otherwise."""
        if not self._threads or any(thread.is_alive() for thread in self._threads):
            return None
        self._threads = []
        return self._snapshot()

    def run(self) -> Snapshot:
        """Run a whole round and return what it has found."""
        self._threads = []
        self._due = self._clock.now()
        self.start_if_due()
        for thread in self._threads:
            thread.join()
        self._threads = []
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
        """Whether a round has begun and not yet been asked for."""
        return bool(self._threads)

    @property
    def wait(self) -> float:
        """Seconds until the next round is due."""
        return max(0.0, self._due - self._clock.now())

    def _snapshot(self) -> Snapshot:
        states = tuple(instance.snapshot() for instance in self._instances)
        return Snapshot(self._clock.wall(), states)
