"""The `rate_limit` section: a token bucket over all requests."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vitalspan.serve.fields import Section

FIELDS: Final = ("interval", "burst")

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+")
_PART = re.compile(r"([0-9.]+)([a-zµ]+)")


class RateLimit:
    """A bucket of tokens: a request takes one, and one comes back every interval.

    Args:
        interval: seconds until a token comes back; above 0.
        burst: how many tokens there are at most, and at first.
    """

    def __init__(self, interval: float, burst: int) -> None:
        self._interval = interval
        self._burst = burst
        self._tokens = float(burst)
        self._since: float | None = None
        self._lock = threading.Lock()

    def admits(self, now: float) -> bool:
        """Take a token if there is one.

        Args:
            now: seconds on a clock that never goes back.
        """
        with self._lock:
            elapsed = now - (now if self._since is None else self._since)
            self._since = now
            self._tokens = min(self._burst, self._tokens + elapsed / self._interval)
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


def build_rate_limit(section: Section) -> RateLimit | None:
    """Make the bucket; None without one, or with an interval of 0, which turns it off."""
    interval, burst = section.raw("interval"), section.raw("burst")
    seconds = _seconds(interval)
    if seconds is None:
        section.wrong("interval", "is not a duration such as 500ms or 1s")
    if burst is not None and (isinstance(burst, bool) or not isinstance(burst, int)):
        section.wrong("burst", "is not a whole number")
    elif seconds and (burst is None or burst < 1):
        section.wrong("burst", "must be 1 or more: otherwise no request is ever admitted")
    elif seconds and burst:
        return RateLimit(seconds, burst)
    return None


def _seconds(duration: object) -> float | None:
    """The seconds in a duration as Go writes it; None if it is none."""
    if duration is None or duration in (0, "0"):
        return 0.0
    if not isinstance(duration, str) or not _DURATION.fullmatch(duration):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(duration))
