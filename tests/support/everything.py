"""A monitor that has recorded everything, for tests of all metric families."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import weakref
from typing import Any

from prometheus_client.registry import Collector

import vitalspan as vs
from support.receivers_at_once import Callback
from vitalspan.integrations.asyncio import instrument
from vitalspan.integrations.executor import Executor
from vitalspan.integrations.task_metrics import task_metrics
from vitalspan.integrations.task_operations import TaskOperations
from vitalspan.recording.call_record import details_of

MEASURES = ("items", "bytes")


_KEPT: weakref.WeakKeyDictionary[vs.Monitor, Any] = weakref.WeakKeyDictionary()


class Broken(Collector):
    """A collector that always raises."""

    def collect(self) -> Any:
        raise RuntimeError("broken")


def raise_alerts(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    """Add rules that fire, fail and burn a budget, with a receiver and an action."""
    rules = monitor.rules
    rules.add_component("shop", depends_on=["default"])
    rules.add_slo(name="available", objective=0.99, where={"operation": "work"})
    rules.add(alert="Busy", signal="rate", above=0, labels={"team": "shop", "component": "default"})
    rules.add(alert="Broken", signal="rate", above=0)
    monitor.evaluation.engine.rule_states()[1].reader = None  # type: ignore[assignment]
    told, done = threading.Event(), threading.Event()
    monitor.receivers.add(Callback(lambda message: told.set()))
    monitor.alerts.on("Busy", lambda alert: done.set())
    clock.advance(1)
    monitor.tick()
    assert told.wait(30)
    assert done.wait(30)
    monitor.stop()
    monitor.evaluation.receivers.close()
    monitor.evaluation.actions.close()


def watch_runtime(monitor: vs.Monitor) -> None:
    """Instrument an event loop and a thread pool, which live as long as the monitor."""
    loop, pool = asyncio.new_event_loop(), Executor(1, monitor=monitor)
    _KEPT[monitor] = (loop, pool, instrument(loop, monitor=monitor))
    loop.close()


def work_in_background(monitor: vs.Monitor) -> None:
    """Run a batch job and a task."""
    with vs.job("nightly", every="24h", sinks=[], monitor=monitor):
        pass
    call = TaskOperations(monitor=monitor).begin("mail", "default", {"vitalspan_published": "0"})
    assert call is not None
    call.end("succeeded")
    task_metrics(monitor).set_length("default", 3)


def do_everything(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    """Create each kind of event at least once, and leave a call in progress."""
    labels = {"tier": "gold"}
    with monitor.operation("work", labels=labels, resources=True) as call:
        for measure in MEASURES:
            call.add(measure, 5)
        call.add("not a name")
        clock.advance(0.3)
        details_of(call._record).first_byte = 0.2
    for error in (ValueError("no"), KeyError("k"), GeneratorExit()):
        with contextlib.suppress(type(error)), monitor.operation("work", labels=labels):
            clock.advance(0.2)
            raise error
    cache, api = monitor.cache("pages"), monitor.api("openai")
    cache.hit()
    cache.miss()
    api.record(tokens=10, cost=0.002)
    api.record(error="overloaded")
    monitor.configure(gen_ai_metrics=True)
    monitor.api("local").record(
        model="large",
        input_tokens=20,
        output_tokens=10,
        cost=0.01,
        duration=2.0,
        first_token=0.5,
        retries=1,
    )
    # From now on it says what became of slow calls.
    monitor.configure(profile_slow_calls=True)
    monitor.configure(profile_slow_calls=False)
    watch_runtime(monitor)
    work_in_background(monitor)
    raise_alerts(monitor, clock)
    # In its own context, in which the span of the unfinished block remains current.
    contextvars.copy_context().run(monitor.operation("stuck").__enter__)
    clock.advance(5)
    monitor.registry.register(Broken())
