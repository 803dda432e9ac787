"""Detects leaks: runs a function repeatedly, and checks what stays allocated."""

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
"""With fewer runs, the normal approximation of the test is not valid."""

MAX_RUNS: Final = 1000
"""Every pair of runs has a slope, so the number of slopes would be too large."""

_LINES: Final = 10


@dataclass(frozen=True)
class Growth:
    """The growth of allocated memory over repeated runs of a function.

    Attributes:
        sizes: the allocated bytes after each run, after a garbage collection.
        slope: the growth in bytes per run: Sen's slope, the median of the slopes between all pairs
            of runs.
        interval: the confidence interval of the slope.
        p_value: the probability that memory without growth seems to grow at least as clearly, by
            the one-sided Mann-Kendall test.
        confidence: the confidence of the interval, between 0 and 1.
        leak_likely: whether memory grew with each run: the whole interval is above zero, the test
            agrees, and the second half of the runs grew as well.
        lines: where the added memory was allocated, the most first.
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
        """Return the fields in types that JSON has."""
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
    """Run a function repeatedly; return how much memory grows, and whether the function leaks.

    Garbage is collected after each run, so that only what is kept counts. What other threads keep
    in the meantime counts as well. A cache looks like a leak until it is full: use `warmup` to fill
    it.

    Slope and interval are Sen's (P. K. Sen, "Estimates of the Regression Coefficient Based on
    Kendall's Tau", 1968), the test is that of Mann and Kendall (H. B. Mann, "Nonparametric Tests
    Against Trend", 1945).

    Args:
        function: a function without arguments, whose result is dropped.
        runs: the number of runs, 10 to 1,000.
        warmup: the number of runs beforehand, to fill caches and import modules.
        confidence: the confidence of the interval and the verdict, between 0.5 and 1.

    Raises:
        ConfigurationError: for invalid numbers.
        TypeError: for a coroutine function, which would be called but not run.
        VitalspanError: if the function has stopped tracemalloc.
    """
    _check(function, runs, warmup, confidence)
    tracing.begin(1)
    try:
        for _ in range(warmup):
            function()
        gc.collect()
        before = snapshot()
        # It has its full size from the beginning, so that it does not grow itself.
        sizes = array("q", bytes(8 * runs))
        for run in range(runs):
            function()
            gc.collect()
            sizes[run] = tracemalloc.get_traced_memory()[0]
        if not tracemalloc.is_tracing():
            raise VitalspanError(
                "the function has called tracemalloc.stop(), so its growth is unknown: remove "
                "that call"
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
    # A cache that has been filled in the first runs does not grow in the later ones.
    return whole.low > 0 and whole.p_value < 1 - confidence and later.slope > 0


def _check(function: Callable[[], object], runs: int, warmup: int, confidence: float) -> None:
    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"{function!r:.80} is a coroutine function, which would never run: use "
            "'lambda: asyncio.run(function())'"
        )
    if not MIN_RUNS <= runs <= MAX_RUNS:
        raise ConfigurationError(
            f"runs={runs!r:.80}: use a whole number from {MIN_RUNS} to {MAX_RUNS}"
        )
    if warmup < 0:
        raise ConfigurationError(f"warmup={warmup!r:.80}: use a whole number from 0 up")
    if not 0.5 <= confidence < 1:
        raise ConfigurationError(
            f"confidence={confidence!r:.80}: use a number from 0.5 to below 1, such as 0.95"
        )
