"""A scrape of 1,000 operations compared with prometheus_client, and of 10,000 with 1,000.

`peer`, `scale` or `formats` on the command line: processes of their own, so that the heap of the
one does not slow the garbage collections of the other. Every operation is called once more before
each scrape.
"""

from __future__ import annotations

import functools
import gzip
import statistics
from typing import Any

import prometheus_client

from cases.shop import Shop, Twin, samples
from harness import Effort, arguments, emit, pin, seconds
from vitalspan import Format, generate_latest

OPERATIONS = 1000


def filled(count: int) -> Shop:
    """A shop with history, scraped once."""
    shop = Shop(count)
    shop.fill()
    shop.scrape()
    return shop


def timed(subjects: dict[str, tuple[Any, Any]], effort: Effort) -> dict[str, float]:
    """Median milliseconds of each subject's second callable; the first runs before it, untimed."""
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


def formats(effort: Effort, count: int) -> dict[str, Any]:
    """Scrape the same series as text, as OpenMetrics and as protobuf."""
    shop = filled(count)

    def scrape(shown: Format) -> bytes:
        return generate_latest(shop.registry, format=shown)

    def only_native() -> None:
        shop.call()
        shop.monitor.configure(classic_histograms=False)

    def both_kinds() -> None:
        shop.call()
        shop.monitor.configure(classic_histograms=True)

    subjects = {
        "text": (both_kinds, functools.partial(scrape, Format.TEXT_0_0_4)),
        "openmetrics": (both_kinds, functools.partial(scrape, Format.OPENMETRICS_1_0_0)),
        "protobuf": (both_kinds, functools.partial(scrape, Format.PROTOBUF)),
        "native": (only_native, functools.partial(scrape, Format.PROTOBUF)),
    }
    detail = timed(subjects, effort)
    for name, (before, scraped) in subjects.items():
        before()
        body = scraped()
        detail[f"{name} KB"] = len(body) / 1e3
        detail[f"{name} gzip KB"] = len(gzip.compress(body, compresslevel=3)) / 1e3
    text, text_size = detail["text"], detail["text KB"]
    return {
        "openmetrics": {"value": detail["openmetrics"] / text, "detail": detail},
        "protobuf": {"value": detail["protobuf"] / text, "detail": detail},
        "protobuf native": {"value": detail["native"] / text, "detail": detail},
        "protobuf size": {"value": detail["protobuf KB"] / text_size, "detail": detail},
        "protobuf native size": {"value": detail["native KB"] / text_size, "detail": detail},
    }


def main() -> None:
    """Measure the requested case."""
    effort, (which,) = arguments()
    pin(1)
    count = OPERATIONS // 5 if effort.quick else OPERATIONS
    emit(figures={"peer": peer, "scale": scale, "formats": formats}[which](effort, count))


if __name__ == "__main__":
    main()
