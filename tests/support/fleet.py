"""Three instances of a service with faults, for tests that compare processes with Prometheus."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge

from support.watched import Watched
from vitalspan.health.readings import Readings
from vitalspan.health.result import Health
from vitalspan.metrics import COMPONENT
from vitalspan.promql.matchers import quoted
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.signal import NO_DATA, Reading
from vitalspan.signals.source import REGISTRY

STEP = 15.0
"""The number of seconds between two ticks, two scrapes and two evaluations."""

INSTANCES = ("a", "b", "c")
JOB = "shop"

ALERTS: list[dict[str, Any]] = [
    {
        "alert": "Failing",
        "signal": "error_ratio",
        "by": ["component"],
        "above": {"warning": "10%", "critical": "40%"},
        "min_count": 10,
        "for": "30s",
    },
    {
        "alert": "CheckoutSlow",
        "signal": "latency_mean",
        "where": {"operation": "checkout"},
        "above": {"error": "1s"},
    },
    {"alert": "Long: queue", "series": "queue_depth", "above": 50},
    # It must not lower the score that it reads.
    {"alert": "Low (score)", "signal": "health_score", "below": {"critical": 90}},
]

SLOS: list[dict[str, Any]] = [
    {"name": "payments", "objective": "99%", "where": {"component": "pay"}},
    {"name": "checkout", "objective": "95%", "under": "1s", "where": {"operation": "checkout"}},
]

COMPONENTS: dict[str, Any] = {
    "storefront": {"critical": True, "weight": 2, "depends_on": ["pay", "search"]},
    "pay": {"weight": 3, "depends_on": ["bank"]},
    "search": {"critical": True},
    "worker": {"weight": 0},
}

OWN: dict[str, Any] = {
    "factors": [
        {"name": "errors", "signal": "error_ratio", "full": 0, "zero": "50%", "weight": 30}
        | {"min_count": 10},
        # Counters that are added up over operations cannot distinguish them.
        {"name": "checkout", "signal": "latency_mean", "where": {"operation": "checkout"}}
        | {"full": "200ms", "zero": "2s", "weight": 20, "min_count": 5},
        {"name": "pages", "signal": "cache_hit_ratio", "where": {"cache": "pages"}}
        | {"full": "80%", "zero": "20%", "weight": 20, "min_count": 20},
        {"name": "bank", "signal": "api_error_ratio", "full": 0, "zero": "30%", "weight": 10},
        {"name": "queue", "series": "queue_depth", "full": 0, "zero": 100, "weight": 10},
        {"name": "spare", "series": "spare_workers", "full": 8, "zero": -2, "weight": 4},
        {"name": "calls", "signal": "absent", "full": 0, "zero": 1, "weight": 5},
        {"name": "payments", "signal": "burn_rate", "slo": "payments", "full": 1, "zero": 20}
        | {"weight": 10, "min_count": 20},
        {"name": "alerts", "signal": "alert_points", "full": 0, "zero": 30, "weight": 40}
        | {"deduct": True},
    ]
}

MODELS: dict[str, dict[str, Any]] = {
    "service": {"model": "service"},
    "parts": {"model": "service", "components": COMPONENTS},
    "classic": {"model": "classic"},
    "pipeline": {"model": "pipeline"},
    "slo": {"model": "slo", "components": COMPONENTS},
    "own": {**OWN, "components": COMPONENTS},
    # In addition to the built-in models, with components and without a critical one.
    "mixed": {
        "model": "classic",
        "factors": OWN["factors"][1:3],
        "components": {"pay": {"weight": 5}, "worker": {"weight": 0.5}},
    },
}


def rule_file(model: str, directory: Path) -> str:
    """Write a rule file with a scoring model, and return its path."""
    file = directory / f"{model}.yml"
    groups = [{"name": "alerts", "rules": ALERTS}]
    file.write_text(json.dumps({"groups": groups, "slos": SLOS, "health": MODELS[model]}))
    return str(file)


class Instance(Watched):
    """One process, and the samples that a server would have of it.

    Args:
        name: the `instance` label.
        rules: the path of its rule file.
    """

    def __init__(self, name: str, rules: str) -> None:
        super().__init__(rules=rules)
        self.name = name
        registry = self.registry
        self.cpu = Counter("system_cpu_seconds", "CPU time.", ["mode"], registry=registry)
        self.free = Gauge("system_memory_available_bytes", "Free.", registry=registry)
        Gauge("system_memory_size_bytes", "All of it.", registry=registry).set(16e9)
        self.rss = Gauge("process_resident_memory_bytes", "Taken.", registry=registry)
        self.queue = Gauge("queue_depth", "Waiting.", registry=registry)
        self.spare = Gauge("spare_workers", "Idle.", registry=registry)
        self.series: dict[str, list[str]] = {}
        self._taken = 0

    @property
    def latest(self) -> Health:
        """Health as of the last tick."""
        return self.monitor.evaluation.assessor.latest

    def take_samples(self, before: int = 0, after: int = 0) -> None:
        """Sample every series, with a number of gaps before and after the sample."""
        for family in self.registry.collect():
            for sample in family.samples:
                labels = {**sample.labels, "job": JOB, "instance": self.name}
                text = ",".join(f"{name}={quoted(value)}" for name, value in labels.items())
                values = self.series.setdefault(f"{sample.name}{{{text}}}", [])
                # A server also marks the end of a series.
                gap = self._taken - len(values)
                values += ["stale", *["_"] * (gap - 1)] if gap and values else ["_"] * gap
                values += [*["_"] * before, repr(float(sample.value)), *["_"] * after]
        self._taken += before + 1 + after

    def finish(self) -> None:
        """Mark the end of the series that have ended."""
        for values in self.series.values():
            if len(values) < self._taken:
                values.append("stale")


class FleetQuery:
    """The instances, and another process that receives the calls of all of them.

    Args:
        model: the scoring model.
        directory: the directory of the rule file.
    """

    def __init__(self, model: str, directory: Path) -> None:
        self.rules = rule_file(model, directory)
        self.instances = [Instance(name, self.rules) for name in INSTANCES]
        self.pooled = Instance("pooled", self.rules)
        self._luck = random.Random(11)
        reader = self.pooled.monitor.evaluation.assessor._factor_reader
        self._read, reader.read = reader.read, self._read_pooled
        self._factors = reader.factors
        for instance in self.instances:
            self._begin(instance)

    def live(self, seconds: float, step: float = STEP) -> Iterator[float]:
        """Let time pass, and yield the seconds after each tick, starting with 0."""
        for number in range(round(seconds / step) + 1):
            now = number * step
            for index, instance in enumerate(self.instances):
                self._traffic(index, instance, now, step)
                self._machine(index, instance, now, step)
            for one in (*self.instances, self.pooled):
                one.tick(seconds=step)
            yield now

    def _begin(self, instance: Instance) -> None:
        """Create every series before the first sample."""
        for component, name in (
            ("storefront", "checkout"),
            ("storefront", "browse"),
            ("pay", "charge"),
            ("search", "rank"),
            ("worker", "mail"),
        ):
            self._call(instance, component, name, 0.1)
            self._call(instance, component, name, 0.1, ValueError())
        self._cache(instance, hit=True)
        self._bank(instance, failed=False)

    def _traffic(self, index: int, instance: Instance, now: float, step: float) -> None:
        for component, name, usual, rate in (
            ("storefront", "checkout", 0.3, 0.2),
            ("storefront", "browse", 0.05, 0.6),
            ("pay", "charge", 0.2, 0.2),
            ("search", "rank", 0.08, 0.3),
            ("worker", "mail", 1.5, 0.1),
        ):
            slower, failing = _mood(index, component, now)
            for _ in range(self._some(rate * _rate(index, now) * step)):
                seconds = usual * slower * self._luck.lognormvariate(0, 0.3)
                error = ValueError() if self._luck.random() < failing else None
                if self._luck.random() < 0.01:
                    error = GeneratorExit()
                self._call(instance, component, name, seconds, error)
        cold, quiet = index == 2 and 2400 <= now < 3300, _rate(index, now) < 1
        for _ in range(0 if quiet else 1 + self._luck.randrange(4)):
            self._cache(instance, hit=self._luck.random() < (0.1 if cold else 0.9))
            self._bank(instance, failed=self._luck.random() < (0.25 if cold else 0.02))

    def _machine(self, index: int, instance: Instance, now: float, step: float) -> None:
        busy = 0.95 if index == 0 and 2000 <= now < 3000 else 0.3
        instance.cpu.labels("user").inc(busy * step)
        instance.cpu.labels("idle").inc((1 - busy) * step)
        instance.free.set(16e9 * (0.2 if index == 1 and now >= 4000 else 0.6))
        instance.rss.set(0.7e9 + 0.1e9 * index + now * 1e5)
        instance.queue.set(80 if index == 1 and 2500 <= now < 3500 else self._luck.randrange(9))
        instance.spare.set(4 + 4 * self._luck.random() if index else float("nan"))

    def _some(self, mean: float) -> int:
        whole, rest = divmod(mean, 1.0)
        return int(whole) + (self._luck.random() < rest)

    def _call(
        self,
        instance: Instance,
        component: str,
        name: str,
        seconds: float,
        error: BaseException | None = None,
    ) -> None:
        for one in (instance, self.pooled):
            one.call(name, seconds, component=component, error=error)

    def _cache(self, instance: Instance, *, hit: bool) -> None:
        for one in (instance, self.pooled):
            pages = one.monitor.cache("pages", component="storefront")
            (pages.hit if hit else pages.miss)()

    def _bank(self, instance: Instance, *, failed: bool) -> None:
        for one in (instance, self.pooled):
            one.monitor.api("bank", component="pay").record(error="down" if failed else None)

    def _read_pooled(self, now: float) -> Readings:
        """Copy what the pooled process knows, and from each instance what cannot be pooled."""
        whole, apart = self._read(now)
        for index, factor in enumerate(self._factors):
            signal = signal_of(factor.query)
            if signal.source is REGISTRY:
                whole[index] = self._worst(index, rising=factor.zero > factor.full)
            elif signal.of_alerts:
                whole[index], parts = self._alerts(worst=factor.query.signal != "alert_points")
                for readings in apart.values():
                    readings.pop(index, None)
                for component, points in parts.items():
                    apart.setdefault(component, {})[index] = Reading(points, 1)
        return Readings(whole, apart)

    def _worst(self, index: int, *, rising: bool) -> Reading:
        values = [instance.latest.factors for instance in self.instances]
        name = self._factors[index].name
        found = [one.value for each in values for one in each if one.factor == name]
        known = [value for value in found if value is not None]
        return Reading((max if rising else min)(known), 1) if known else NO_DATA

    def _alerts(self, *, worst: bool) -> tuple[Reading, dict[str, float]]:
        """The points of the alerts of all instances, each of which counts once."""
        every: dict[tuple[tuple[str, str], ...], float] = {}
        for instance in self.instances:
            for labels, points in instance.monitor.evaluation.history.made("alert_points").present:
                key = tuple(sorted(labels.items()))
                every[key] = max(every.get(key, 0.0), points)
        together = max if worst else sum
        apart: dict[str, list[float]] = {}
        for key, points in every.items():
            component = dict(key).get(COMPONENT, "")
            if component:
                apart.setdefault(component, []).append(points)
        whole = Reading(together(every.values()), 1) if every else NO_DATA
        return whole, {component: together(points) for component, points in apart.items()}


def _rate(index: int, now: float) -> float:
    """How many times the usual traffic there is."""
    if 5700 <= now < 6300 or (index == 1 and 3300 <= now < 4200):
        return 0.0
    # Few calls are not enough for a score.
    return 0.05 if index == 2 and 4200 <= now < 5100 else 1.0


def _mood(index: int, component: str, now: float) -> tuple[float, float]:
    """How many times the usual duration calls take, and the share that fails."""
    slower, failing = 1.0, 0.01
    if index == 0 and component == "pay" and 1500 <= now < 2400:
        failing = 0.6
    if index == 1 and component in ("search", "storefront") and 1800 <= now < 2700:
        slower = 6.0
    if component == "worker" and now >= 4800:
        slower = 12.0
    return slower, failing
