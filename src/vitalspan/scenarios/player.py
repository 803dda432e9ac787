"""Plays a scenario with its own monitor and clock, and compares the alerts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from vitalspan.monitor import Monitor
from vitalspan.recording.operation import Operation
from vitalspan.rules.alert import Alert
from vitalspan.rules.model import RuleSet
from vitalspan.scenarios.model import (
    ApiCalls,
    CacheLookups,
    Calls,
    Expectation,
    ExpectedAlert,
    InputSeries,
    OperationTraffic,
    Scenario,
    StuckCall,
)
from vitalspan.words import listed

_STEADY_START: Final = 1_000_000.0
_WALL_START: Final = 1_700_000_000.0
_ROUNDING: Final = 1e-9


class ScenarioError(Exception):
    """The error of a simulated call that fails."""


class _ScenarioClock:
    """A clock that is set to the seconds since the scenario's start."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return _STEADY_START + self.seconds

    def wall(self) -> float:
        return _WALL_START + self.seconds


class _InputSeriesCollector(Collector):
    """The input series of a scenario, with their values at the current tick."""

    def __init__(self, series: Iterable[InputSeries]) -> None:
        self._series = tuple(series)
        self.tick = 0

    def collect(self) -> Iterator[Metric]:
        for one in self._series:
            value = one.values[min(self.tick, len(one.values) - 1)]
            if value is not None:
                metric = Metric(one.metric, "Made up.", "unknown")
                metric.add_sample(one.metric, dict(one.labels), value)
                yield metric


class Player:
    """A player of a scenario, tick by tick.

    Args:
        rules: the rules to test.
        scenario: the traffic and the expected alerts.
        tick: the evaluation interval in seconds.
    """

    def __init__(self, rules: RuleSet, scenario: Scenario, tick: float) -> None:
        self._clock = _ScenarioClock()
        registry = CollectorRegistry()
        self._monitor = Monitor(
            registry=registry,
            clock=self._clock,
            system_metrics=False,
            component="default",
            enabled=True,
        )
        self._monitor.rules.use(rules)
        self._collector = _InputSeriesCollector(scenario.series)
        registry.register(self._collector)
        self._scenario = scenario
        self._tick = tick
        self._counts = [0] * len(scenario.traffic)
        self._stuck_calls: dict[int, Callable[[], object]] = {}

    def play(self) -> Iterator[str]:
        """Yield each difference between expected and actual alerts, in the order of time."""
        waiting = sorted(self._scenario.expect, key=lambda expectation: expectation.at)
        number = 0
        while waiting:
            number += 1
            self._play_tick(number)
            while waiting and waiting[0].at <= self._clock.seconds + _ROUNDING:
                yield from _differences(waiting.pop(0), self._monitor.alerts.active())
        for end in self._stuck_calls.values():
            end()
        self._monitor.close()

    def _play_tick(self, number: int) -> None:
        now = number * self._tick
        for line, traffic in enumerate(self._scenario.traffic):
            if isinstance(traffic, StuckCall):
                self._begin_or_end(line, traffic, now)
                continue
            elapsed = min(now, traffic.period.end) - traffic.period.begin
            due = math.floor(elapsed * traffic.rate + _ROUNDING)
            for index in range(self._counts[line], due):
                self._record(traffic, index, now)
            self._counts[line] = max(due, self._counts[line])
        self._clock.seconds = now
        self._collector.tick = number
        self._monitor.tick()

    def _record(self, traffic: Calls | CacheLookups | ApiCalls, index: int, now: float) -> None:
        self._clock.seconds = now
        if isinstance(traffic, Calls):
            self._call(traffic, index, now)
        elif isinstance(traffic, CacheLookups):
            cache = self._monitor.cache(traffic.cache, component=traffic.component)
            (cache.hit if _is_in_share(traffic.hits, index) else cache.miss)()
        else:
            self._monitor.api(traffic.api, component=traffic.component).record(
                tokens=traffic.tokens,
                cost=traffic.cost,
                error="failed" if _is_in_share(traffic.errors, index) else None,
            )

    def _call(self, calls: Calls, index: int, now: float) -> None:
        operation = self._operation(calls)
        self._clock.seconds = now - calls.takes
        with suppress(ScenarioError), operation as call:
            for name, amount in calls.measures:
                call.add(name, amount)
            self._clock.seconds = now
            if _is_in_share(calls.errors, index):
                raise ScenarioError

    def _begin_or_end(self, line: int, stuck: StuckCall, now: float) -> None:
        if line not in self._stuck_calls and stuck.period.begin < now <= stuck.period.end:
            operation = self._operation(stuck)
            self._clock.seconds = stuck.period.begin
            operation.__enter__()
            self._stuck_calls[line] = lambda: operation.__exit__(None, None, None)
        elif line in self._stuck_calls and now > stuck.period.end:
            self._clock.seconds = stuck.period.end
            self._stuck_calls.pop(line)()

    def _operation(self, traffic: OperationTraffic) -> Operation:
        return self._monitor.operation(
            traffic.operation,
            component=traffic.component,
            labels=dict(traffic.labels),
            resources=False,
        )


def _is_in_share(share: float, index: int) -> bool:
    """Return whether a call belongs to a share that is evenly distributed over all calls."""
    return math.floor((index + 1) * share + _ROUNDING) > math.floor(index * share + _ROUNDING)


def _differences(expected: Expectation, alerts: list[Alert]) -> Iterator[str]:
    unexpected = [alert for alert in alerts if alert.state == "firing"]
    pending = [alert for alert in alerts if alert.state == "pending"]
    for one in expected.alerts:
        candidates = unexpected if one.state == "firing" else pending
        match = next((alert for alert in candidates if _matches(one, alert)), None)
        if match is None:
            problem = f"{_expected_text(one)} is expected, but {_active_text(alerts)}"
            yield f"{expected.place}: {problem}"
        else:
            candidates.remove(match)
    for alert in unexpected:
        yield f"{expected.place}: {_alert_text(alert)} is firing and is not expected"


def _matches(expected: ExpectedAlert, alert: Alert) -> bool:
    return (
        alert.alertname == expected.alert
        and expected.severity in (None, alert.severity)
        and all(alert.labels.get(name) == value for name, value in expected.labels)
    )


def _expected_text(expected: ExpectedAlert) -> str:
    severity = f" ({expected.severity})" if expected.severity else ""
    labels = "".join(f" {name}={value}" for name, value in expected.labels)
    return f"{expected.alert}{severity}{labels} {expected.state}"


def _alert_text(alert: Alert) -> str:
    return f"{alert.alertname} ({alert.severity}; {alert.message})"


def _active_text(alerts: list[Alert]) -> str:
    active = [f"{_alert_text(one)} is {one.state}" for one in alerts if one.state != "resolved"]
    return listed(active) if active else "there are no alerts"
