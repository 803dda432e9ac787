"""A tick of 1,000 operations with 1,000 rules, and the cost of history and a hanging receiver.

`tick`, `growth`, `history`, `notify`, `expressions` or `expression-growth` on the command line,
each in a process of its own. Between two ticks every operation is called three times. Rules take
quantiles, ratios, rates and means in turn; those that are PromQL take the same quantile.
"""

from __future__ import annotations

import gc
import random
import socket
import statistics
import tracemalloc
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

import vitalspan as vs
from harness import Effort, arguments, emit, pin, seconds
from vitalspan.notify import Webhook
from vitalspan.rules.file.load import build

OPERATIONS = 1000
TICK = 5.0
WARM = 65
SIGNALS = (
    {"signal": "latency_p95", "above": "500ms"},
    {"signal": "error_ratio", "above": "50%"},
    {"signal": "rate", "above": "1000/s"},
    {"signal": "latency_mean", "above": "500ms"},
)


class Service:
    """Operations with a rule each, on a manual clock."""

    def __init__(
        self,
        operations: int,
        *,
        rules: int,
        rule: Callable[[int], dict[str, Any]] | None = None,
    ) -> None:
        self.clock = vs.ManualClock()
        self.monitor = vs.Monitor(
            registry=CollectorRegistry(),
            system_metrics=False,
            clock=self.clock,
            max_series=2 * operations,
        )
        self._luck = random.Random(1)
        self._calls = [self._operation(f"operation{number}") for number in range(operations)]
        self.monitor.rules.use(
            build({"groups": [{"name": "all", "rules": list(map(rule or _rule, range(rules)))}]})
        )

    def pass_time(self) -> None:
        """Call every operation, and make the next tick due."""
        for call in self._calls:
            for _ in range(3):
                call(self._luck.choice((1e-5, 2e-5, 3e-5, 5e-5)))
        self.clock.advance(TICK)

    def _operation(self, name: str) -> Callable[[float], None]:
        @self.monitor.operation(name, resources=False)
        def call(took: float) -> None:
            self.clock.advance(took)

        return call


def _rule(number: int) -> dict[str, Any]:
    fields = SIGNALS[number % len(SIGNALS)]
    where = {"operation": f"operation{number}"}
    return {"alert": f"Rule{number}", "where": where, "for": "1m", **fields}


def _expression(number: int) -> dict[str, Any]:
    buckets = f'operation_duration_seconds_bucket{{operation="operation{number}"}}'
    quantile = f"histogram_quantile(0.95, sum by (le) (rate({buckets}[5m])))"
    return {"alert": f"Rule{number}", "expr": f"{quantile} > 0.5", "for": "1m"}


def ticks(service: Service, times: int) -> float:
    """Median milliseconds of a tick."""
    for _ in range(WARM):
        service.pass_time()
        service.monitor.tick()
    seen = []
    for _ in range(times):
        service.pass_time()
        gc.collect()
        seen.append(seconds(service.monitor.tick))
    return statistics.median(seen) * 1e3


def tick(effort: Effort, count: int) -> dict[str, Any]:
    """One tick."""
    took = ticks(Service(count, rules=count), 5 if effort.quick else 40)
    return {"tick": {"value": took, "detail": {}}}


def growth(effort: Effort, count: int) -> dict[str, Any]:
    """The tick with ten times as many operations and rules."""
    times = 3 if effort.quick else 15
    small = ticks(Service(count, rules=count), times)
    large = ticks(Service(10 * count, rules=10 * count), times)
    return {"tick growth": {"value": large / small, "detail": {"small": small, "large": large}}}


def expressions(effort: Effort, count: int) -> dict[str, Any]:
    """One tick with rules in PromQL."""
    service = Service(count, rules=count, rule=_expression)
    times = 3 if effort.quick else 15
    took = ticks(service, times)
    beside = ticks(Service(count, rules=count, rule=_quantile), times)
    detail = {"signals": beside, "series": len(service.monitor.evaluation.history.samples)}
    return {"tick promql": {"value": took, "detail": detail}}


def _quantile(number: int) -> dict[str, Any]:
    where = {"operation": f"operation{number}"}
    return {"alert": f"Rule{number}", "where": where, "for": "1m", **SIGNALS[0]}


def expression_growth(effort: Effort, count: int) -> dict[str, Any]:
    """The tick with four times as many operations and rules."""
    times = 3 if effort.quick else 9
    small = ticks(Service(count, rules=count, rule=_expression), times)
    large = ticks(Service(4 * count, rules=4 * count, rule=_expression), times)
    return {
        "tick promql growth": {"value": large / small, "detail": {"small": small, "large": large}}
    }


def history(effort: Effort, count: int) -> dict[str, Any]:
    """The memory of an operation that is busy for an hour, including its rule."""
    operations = count // 20
    service = Service(operations, rules=operations)
    service.pass_time()
    service.monitor.tick()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(60 if effort.quick else 720):
        service.pass_time()
        service.monitor.tick()
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] - before
    return {"history": {"value": kept / operations / 1024, "detail": {}}}


def notify(effort: Effort, count: int) -> dict[str, Any]:
    """A tick while a receiver accepts connections and never responds."""
    times = 5 if effort.quick else 40
    alone, told = Service(count // 10, rules=count // 10), Service(count // 10, rules=count // 10)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told.monitor.receivers.add(
            Webhook(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=60)
        )
        for service in (alone, told):
            service.monitor.rules.add(alert="Always", signal="rate", above=0)
        both = {"alone": ticks(alone, times), "told": ticks(told, times)}
        told.monitor.evaluation.receivers.close(timeout=0.1)
    return {"tick told": {"value": both["told"] / both["alone"], "detail": both}}


def main() -> None:
    """Measure the requested case."""
    effort, (which,) = arguments()
    pin(1)
    count = OPERATIONS // 5 if effort.quick else OPERATIONS
    cases = {
        "tick": tick,
        "growth": growth,
        "history": history,
        "notify": notify,
        "expressions": expressions,
        "expression-growth": expression_growth,
    }
    emit(figures=cases[which](effort, count))


if __name__ == "__main__":
    main()
