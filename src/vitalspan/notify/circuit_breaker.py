"""A circuit breaker, which stops calling a receiver after failures. Time is an argument."""

from __future__ import annotations

from typing import Literal

CircuitState = Literal["closed", "open", "half_open"]


class CircuitBreaker:
    """Opens after several failures in a row; after a pause, one probe decides. Not thread-safe.

    Args:
        failures: the number of failures in a row that open it.
        pause: seconds that it stays open.
    """

    def __init__(self, failures: int, pause: float) -> None:
        self._failures = failures
        self._pause = pause
        self._failed = 0
        self._until: float | None = None
        self._probed_at: float | None = None

    def state(self, now: float) -> CircuitState:
        """Return the state at a time of the steady clock.

        Closed: every attempt is made. Open: none. Half-open: one probe is or may be made.
        """
        if self._until is None:
            return "closed"
        return "open" if now < self._until else "half_open"

    def admits(self, now: float) -> bool:
        """Return whether to try now; in the half-open state only the first caller may.

        A probe without a result is given up after another pause.
        """
        state = self.state(now)
        if state != "half_open":
            return state == "closed"
        if self._probed_at is not None and now - self._probed_at < self._pause:
            return False
        self._probed_at = now
        return True

    def succeeded(self) -> None:
        """Close the circuit after a successful attempt."""
        self._failed = 0
        self._until = self._probed_at = None

    def failed(self, now: float) -> None:
        """Count a failure. A failed probe or the last of several in a row opens the circuit."""
        self._failed += 1
        if self._until is not None or self._failed >= self._failures:
            self.trip(now)

    def trip(self, now: float) -> None:
        """Open the circuit, whatever its state."""
        self._until = now + self._pause
        self._probed_at = None
