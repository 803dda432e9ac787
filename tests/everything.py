"""A monitor that has done everything there is to do, for tests that look at every family."""

from __future__ import annotations

import contextlib
import contextvars
from typing import Any

from prometheus_client.registry import Collector

import vitalspan as vs

MEASURES = ("items", "bytes")


class Broken(Collector):
    """A collector that always raises."""

    def collect(self) -> Any:
        raise RuntimeError("broken")


def do_everything(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    """Make every kind of event once at least, and leave a call in progress."""
    labels = {"tier": "gold"}
    with monitor.operation("work", labels=labels, resources=True) as call:
        for measure in MEASURES:
            call.add(measure, 5)
        call.add("not a name")
        clock.advance(0.3)
    for error in (ValueError("no"), KeyError("k"), GeneratorExit()):
        with contextlib.suppress(type(error)), monitor.operation("work", labels=labels):
            clock.advance(0.2)
            raise error
    cache, api = monitor.cache("pages"), monitor.api("openai")
    cache.hit()
    cache.miss()
    api.record(tokens=10, cost=0.002)
    api.record(error="overloaded")
    # In a context of its own, which the span of a block that nobody leaves stays current in.
    contextvars.copy_context().run(monitor.operation("stuck").__enter__)
    clock.advance(5)
    monitor.registry.register(Broken())
