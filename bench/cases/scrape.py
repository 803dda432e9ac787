"""A scrape of 1,000 operations beside prometheus_client's, and of 10,000 beside 1,000.

`peer` or `scale` on the command line: two processes, so that the heap of the one does not slow
the garbage collections of the other. Every operation is called once more before each scrape.
"""

from __future__ import annotations

import functools
import statistics
from typing import Any

import prometheus_client

from cases.shop import Shop, Twin, samples
from harness import Effort, arguments, emit, pin, seconds

OPERATIONS = 1000


def filled(count: int) -> Shop:
    """A shop with a past, scraped once."""
    shop = Shop(count)
    shop.fill()
    shop.scrape()
    return shop


def timed(subjects: dict[str, tuple[Any, Any]], effort: Effort) -> dict[str, float]:
    """Median milliseconds of each subject's second callable; its first runs before, untimed."""
    seen: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(3 if effort.quick else 15):
        for name, (before, scrape) in subjects.items():
            before()
            seen[name].append(seconds(scrape))
    return {name: statistics.median(times) * 1e3 for name, times in seen.items()}


def peer(effort: Effort, count: int) -> dict[str, Any]:
    """Scrape the same series from both."""
    shop = filled(count)
    text = shop.scrape()
    if b"_created" not in text:
        prometheus_client.disable_created_metrics()
    twin = Twin(text)
    theirs = prometheus_client.generate_latest(twin.registry)
    if samples(text) != samples(theirs):
        raise SystemExit(f"not the same series: {samples(text)} and {samples(theirs)} samples")
    both = timed(
        {
            "vitalspan": (shop.call, shop.scrape),
            "unchanged": (lambda: None, shop.scrape),
            "collector": (
                shop.call,
                functools.partial(prometheus_client.generate_latest, shop.registry),
            ),
            "by hand": (
                twin.call,
                functools.partial(prometheus_client.generate_latest, twin.registry),
            ),
        },
        effort,
    )
    both["samples"] = samples(text)
    hand = both["by hand"]
    return {
        "scrape": {"value": both["vitalspan"] / hand, "detail": both},
        "scrape unchanged": {"value": both["unchanged"] / hand, "detail": both},
        "scrape collector": {"value": both["collector"] / hand, "detail": both},
    }


def scale(effort: Effort, count: int) -> dict[str, Any]:
    """Scrape ten times the operations; the small one first, before the large heap is there."""
    small = filled(count)
    both = timed({"small": (small.call, small.scrape)}, effort)
    large = filled(10 * count)
    both |= timed({"large": (large.call, large.scrape)}, effort)
    return {"scale": {"value": both["large"] / both["small"], "detail": both}}


def main() -> None:
    """Measure the one that was asked for."""
    effort, (which,) = arguments()
    pin(1)
    count = OPERATIONS // 5 if effort.quick else OPERATIONS
    emit(figures={"peer": peer, "scale": scale}[which](effort, count))


if __name__ == "__main__":
    main()
