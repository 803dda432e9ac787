"""Histories of monitors for property tests: calls, caches and APIs with any texts and numbers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

import vitalspan as vs

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(
    [
        "",
        "%",
        "%d%%s",
        "\\",
        '"',
        "\n",
        "\\n",
        "\x00",
        "\ud800",
        "\r\n",
        "\x85",
        "\u2028",
        "} 1 # {",
    ]
)
SECONDS = st.floats(0, 1e9) | st.sampled_from([0.0, 1e-5, 0.0001, 0.1, 1.0, 60.0, 60.00001, 1e15])
STEPS = st.one_of(
    st.fixed_dictionaries(
        {
            "operation": ANY_TEXT,
            "component": st.none() | ANY_TEXT,
            "labels": st.dictionaries(st.sampled_from(["tier", "A", "z_9", "_x"]), ANY_TEXT),
            "seconds": SECONDS,
            "outcome": st.sampled_from(
                [None, None, ValueError("x"), KeyError(), GeneratorExit(), "open"]
            ),
            "measures": st.dictionaries(
                st.sampled_from(["items", "bytes_read", "Ünmöglich", "tokens"]),
                st.integers(0, 2**70) | st.floats(0, 1e300),
            ),
        }
    ),
    st.tuples(st.just("cache"), ANY_TEXT, st.booleans()),
    st.tuples(st.just("api"), ANY_TEXT, st.integers(0, 10**20), st.floats(0, 1e6), st.booleans()),
)


@contextmanager
def performed(
    steps: list[Any], *, prefix: str, traced: bool, **settings: Any
) -> Iterator[CollectorRegistry]:
    """Yield the registry of a monitor that has performed steps; unfinished calls remain open."""
    registry, clock = CollectorRegistry(), vs.ManualClock()
    monitor = vs.Monitor(
        registry=registry,
        clock=clock,
        tracer_provider=TracerProvider(shutdown_on_exit=False) if traced else None,
        metric_prefix=prefix,
        system_metrics=False,
        **settings,
    )
    logging.getLogger("vitalspan").disabled = True
    try:
        with ExitStack() as still_open:
            for step in steps:
                perform(monitor, clock, step, still_open)
            yield registry
    finally:
        logging.getLogger("vitalspan").disabled = False
        monitor.close()


def perform(monitor: vs.Monitor, clock: vs.ManualClock, step: Any, still_open: ExitStack) -> None:
    if isinstance(step, dict):
        block = monitor.operation(
            step["operation"], component=step["component"], labels=step["labels"]
        )
        if step["outcome"] == "open":
            still_open.enter_context(block)
            clock.advance(step["seconds"])
            return
        try:
            with block as call:
                for name, amount in step["measures"].items():
                    call.add(name, amount)
                clock.advance(step["seconds"])
                if step["outcome"] is not None:
                    raise step["outcome"]
        except (ValueError, KeyError, GeneratorExit):
            pass
    elif step[0] == "cache":
        cache = monitor.cache(step[1])
        cache.hit() if step[2] else cache.miss()
    else:
        _, name, tokens, cost, failed = step
        monitor.api(name).record(tokens=tokens, cost=cost, error="x" if failed else None)
