"""The `rate_limit` section: a token bucket for all requests."""

from __future__ import annotations

import re
import threading
from typing import Final

from vitalspan.configfile.values import seconds_of, text_of
from vitalspan.serve.web_config.section import Section

FIELDS: Final = ("interval", "burst")

_USABLE: Final = "500ms or 1s"
_GO_DURATION = re.compile(r"0|(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+")


class RateLimit:
    """A token bucket: a request takes a token, and one is added every interval.

    Args:
        interval: seconds until a token is added; above 0.
        burst: the maximum number of tokens, and their number in the beginning.
    """

    def __init__(self, interval: float, burst: int) -> None:
        self._interval = interval
        self._burst = burst
        self._tokens = float(burst)
        self._since: float | None = None
        self._lock = threading.Lock()

    def admits(self, now: float) -> bool:
        """Take a token; return whether there was one.

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
    """Return the bucket; None without this section or with an interval of 0, which turns it off."""
    seconds = _seconds(section)
    burst = section.whole_number("burst", "a number of requests such as 20")
    if seconds and not burst:
        section.refuse("burst", "is not 1 or more, so that no request is ever admitted: use 20")
    return RateLimit(seconds, burst) if seconds and burst else None


def _seconds(section: Section) -> float | None:
    """Return the interval in seconds, which the file has as a Go duration; None without one."""
    node = section.get("interval")
    text = None if node is None else text_of(node, _USABLE, section.report)
    if node is None or text is None:
        return None
    if _GO_DURATION.fullmatch(text):
        return seconds_of(node, section.report, usable=_USABLE)
    section.refuse("interval", f"is not a duration: use {_USABLE}")
    return None
