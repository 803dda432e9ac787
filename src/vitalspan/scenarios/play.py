"""Plays a scenario to a monitor of its own, on a clock of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from vitalspan.monitor import Monitor
from vitalspan.record.operation import Operation
from vitalspan.rules.alert import Alert
from vitalspan.rules.model import RuleSet
from vitalspan.scenarios.model import (
    Calls,
    Expectation,
    ExpectedAlert,
    Lookups,
    OperationTraffic,
    Requests,
    Samples,
    Scenario,
    Stuck,
)

_BEGIN: Final = 1_000_000.0
_WALL: Final = 1_700_000_000.0


class ScenarioError(Exception):
    """What a made-up call raises."""


class _Clock:
    """Reads what it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return _BEGIN + self.seconds

    def wall(self) -> float:
        return _WALL + self.seconds


class _Metrics(Collector):
    """The made-up metrics at the present tick."""

    def __init__(self, samples: Iterable[Samples]) -> None:
        self._samples = tuple(samples)
        self.tick = 0

    def collect(self) -> Iterator[Metric]:
        for one in self._samples:
            value = one.values[min(self.tick, len(one.values) - 1)]
            if value is not None:
                metric = Metric(one.metric, "Made up.", "unknown")
                metric.add_sample(one.metric, dict(one.labels), value)
                yield metric


class Player:
    """One scenario under way.

    Args:
        rules: what is tested.
        scenario: what happens.
        tick: seconds between two evaluations.
    """

    def __init__(self, rules: RuleSet, scenario: Scenario, tick: float) -> None:
        self._clock = _Clock()
        self._registry = CollectorRegistry()
        self._monitor = Monitor(
            registry=self._registry,
            clock=self._clock,
            system_metrics=False,
            component="default",
            enabled=True,
        )
        self._monitor.rules.use(rules)
        self._metrics = _Metrics(scenario.samples)
        self._registry.register(self._metrics)
        self._scenario = scenario
        self._tick = tick
        self._made = [0] * len(scenario.traffic)
        self._open: dict[int, Callable[[], object]] = {}

    def play(self) -> Iterator[str]:
        """Yield what was expected and did not come, in the order of time."""
        waiting = sorted(self._scenario.expect, key=lambda one: one.at)
        number = 0
        while waiting:
            number += 1
            self._step(number)
            while waiting and waiting[0].at <= self._clock.seconds + 1e-9:
                yield from _differences(waiting.pop(0), self._monitor.alerts())
        for end in self._open.values():
            end()
        self._monitor.close()

    def _step(self, number: int) -> None:
        now = number * self._tick
        for line, one in enumerate(self._scenario.traffic):
            if isinstance(one, Stuck):
                self._hold(line, one, now)
                continue
            due = math.floor((min(now, one.span.end) - one.span.begin) * one.rate + 1e-9)
            for index in range(self._made[line], due):
                self._make(one, index, now)
            self._made[line] = max(due, self._made[line])
        self._clock.seconds = now
        self._metrics.tick = number
        self._monitor.tick()

    def _make(self, one: Calls | Lookups | Requests, index: int, now: float) -> None:
        self._clock.seconds = now
        if isinstance(one, Calls):
            self._call(one, index, now)
        elif isinstance(one, Lookups):
            cache = self._monitor.cache(one.cache, component=one.component)
            (cache.hit if _falls_on(one.hits, index) else cache.miss)()
        else:
            self._monitor.api(one.api, component=one.component).record(
                tokens=one.tokens,
                cost=one.cost,
                error="failed" if _falls_on(one.errors, index) else None,
            )

    def _call(self, one: Calls, index: int, now: float) -> None:
        operation = self._operation(one)
        self._clock.seconds = now - one.takes
        with suppress(ScenarioError), operation as call:
            for name, amount in one.measures:
                call.add(name, amount)
            self._clock.seconds = now
            if _falls_on(one.errors, index):
                raise ScenarioError

    def _hold(self, line: int, one: Stuck, now: float) -> None:
        if line not in self._open and one.span.begin < now <= one.span.end:
            operation = self._operation(one)
            self._clock.seconds = one.span.begin
            operation.__enter__()
            self._open[line] = lambda: operation.__exit__(None, None, None)
        elif line in self._open and now > one.span.end:
            self._clock.seconds = one.span.end
            self._open.pop(line)()

    def _operation(self, one: OperationTraffic) -> Operation:
        return self._monitor.operation(
            one.operation, component=one.component, labels=dict(one.labels), resources=False
        )


def _falls_on(share: float, index: int) -> bool:
    """Whether the one of this number is among a share that is evenly spread."""
    return math.floor((index + 1) * share + 1e-9) > math.floor(index * share + 1e-9)


def _differences(expected: Expectation, alerts: list[Alert]) -> Iterator[str]:
    left = [alert for alert in alerts if alert.state == "firing"]
    pending = [alert for alert in alerts if alert.state == "pending"]
    for one in expected.alerts:
        among = left if one.state == "firing" else pending
        found = next((alert for alert in among if _is(one, alert)), None)
        if found is None:
            yield f"{expected.place}: {_wanted(one)} is not there; {_there(alerts)}"
        else:
            among.remove(found)
    for alert in left:
        yield f"{expected.place}: {_named(alert)} fires and is not expected"


def _is(expected: ExpectedAlert, alert: Alert) -> bool:
    labels = dict(expected.labels)
    return (
        alert.alertname == expected.alert
        and expected.severity in (None, alert.severity)
        and all(alert.labels.get(name) == value for name, value in labels.items())
    )


def _wanted(one: ExpectedAlert) -> str:
    severity = f" ({one.severity})" if one.severity else ""
    labels = "".join(f" {name}={value}" for name, value in one.labels)
    return f"{one.alert}{severity}{labels} {one.state}"


def _named(alert: Alert) -> str:
    return f"{alert.alertname} ({alert.severity}; {alert.message})"


def _there(alerts: list[Alert]) -> str:
    active = [f"{_named(one)} {one.state}" for one in alerts if one.state != "resolved"]
    return f"there is {', '.join(active)}" if active else "there are no alerts"
