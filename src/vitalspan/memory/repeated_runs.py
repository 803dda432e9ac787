"""Whether a function leaks: it is run again and again, and what stays allocated is looked at."""

from __future__ import annotations

import gc
import inspect
import tracemalloc
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from vitalspan.errors import ConfigurationError, VitalspanError
from vitalspan.memory.snapshots import MIB, Difference, differences, snapshot
from vitalspan.memory.tracing import tracing
from vitalspan.memory.trend import Trend, trend

MIN_RUNS: Final = 10
"""With fewer runs, the normal approximation of the test does not hold."""

MAX_RUNS: Final = 1000
"""Every pair of runs has a slope; with more runs there are too many of them."""

_LINES: Final = 10


@dataclass(frozen=True)
class Growth:
    """How the memory that is allocated grew while a function was run again and again.

    Attributes:
        sizes: the bytes that were allocated after each run, when garbage had been collected.
        slope: by how many bytes they grew with each run: Sen's slope, the median of the slopes
            between all pairs of runs.
        interval: the confidence interval of the slope.
        p_value: how likely memory that does not grow is to seem to grow as clearly as this, by the
            one-sided Mann-Kendall test.
        confidence: that of the interval, between 0 and 1.
        leak_likely: whether memory grew with each run: the whole interval is above zero, the test
            agrees, and the later half of the runs grew too.
        lines: where the memory was allocated that has been added, the most first.
    """

    sizes: tuple[int, ...]
    slope: float
    interval: tuple[float, float]
    p_value: float
    confidence: float
    leak_likely: bool
    lines: tuple[Difference, ...]

    @property
    def slope_mb(self) -> float:
        """The slope in megabytes of 1,048,576 bytes."""
        return self.slope / MIB

    def to_dict(self) -> dict[str, Any]:
        """Return the same in types that JSON has."""
        return {
            **vars(self),
            "sizes": list(self.sizes),
            "interval": list(self.interval),
            "lines": [line.to_dict() for line in self.lines],
        }

    def __str__(self) -> str:
        verdict = "a leak is likely" if self.leak_likely else "no leak was found"
        low, high = self.interval
        text = (
            f"{verdict}: memory grew by {self.slope:,.0f} bytes with each of {len(self.sizes)} "
            f"runs ({low:,.0f} to {high:,.0f} with {self.confidence:.4g} confidence; Mann-Kendall "
            f"test, p = {self.p_value:.2g})"
        )
        return "\n  ".join([text, *map(str, self.lines if self.leak_likely else ())])


def growth(
    function: Callable[[], object], *, runs: int = 20, warmup: int = 3, confidence: float = 0.99
) -> Growth:
    """Run a function again and again and return by how much memory grows, and whether it leaks.

    Garbage is collected after each run, so that only what is kept counts. What other threads keep
    meanwhile counts as well. A cache looks like a leak until it is full: let `warmup` fill it.

    Slope and interval are Sen's (P. K. Sen, "Estimates of the Regression Coefficient Based on
    Kendall's Tau", 1968), the test is that of Mann and Kendall (H. B. Mann, "Nonparametric Tests
    Against Trend", 1945).

    Args:
        function: takes no arguments; what it returns is dropped.
        runs: how often it is run, 10 to 1,000 times.
        warmup: how often it is run before, to fill caches and import modules.
        confidence: of the interval and the verdict, between 0.5 and 1.

    Raises:
        ConfigurationError: for numbers that cannot be used.
        TypeError: for a coroutine function, which would only be called and not run.
        VitalspanError: if the function has stopped tracemalloc.
    """
    _check(function, runs, warmup, confidence)
    tracing.begin(1)
    try:
        for _ in range(warmup):
            function()
        gc.collect()
        before = snapshot()
        # It has its whole size from the beginning, so that it does not grow itself.
        sizes = array("q", bytes(8 * runs))
        for run in range(runs):
            function()
            gc.collect()
            sizes[run] = tracemalloc.get_traced_memory()[0]
        if not tracemalloc.is_tracing():
            raise VitalspanError(
                "the function has stopped tracemalloc, so its growth is not known: take "
                "tracemalloc.stop() out of what is measured"
            )
        changed = differences(before, snapshot(), top=_LINES)
    finally:
        tracing.end()
    found = trend(sizes, confidence)
    lines = tuple(line for line in changed if line.size_diff > 0)
    leaks = _is_leak(found, trend(sizes[runs // 2 :], confidence), confidence)
    interval = (found.low, found.high)
    return Growth(tuple(sizes), found.slope, interval, found.p_value, confidence, leaks, lines)


def _is_leak(whole: Trend, later: Trend, confidence: float) -> bool:
    # A cache that has filled up within the first runs grows no more in the later ones.
    return whole.low > 0 and whole.p_value < 1 - confidence and later.slope > 0


def _check(function: Callable[[], object], runs: int, warmup: int, confidence: float) -> None:
    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"{function!r:.80} is a coroutine function, which would never run: give "
            "'lambda: asyncio.run(function())'"
        )
    if not MIN_RUNS <= runs <= MAX_RUNS:
        raise ConfigurationError(f"runs={runs!r:.80}: write {MIN_RUNS} to {MAX_RUNS}")
    if warmup < 0:
        raise ConfigurationError(f"warmup={warmup!r:.80}: write how many runs, zero or more")
    if not 0.5 <= confidence < 1:
        raise ConfigurationError(f"confidence={confidence!r:.80}: write 0.95 or 0.99, for instance")
