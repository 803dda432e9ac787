"""The cost of assessing 1,000 operations of 100 components, and what it adds to a scrape.

`assess` or `scrape` on the command line. Between two ticks every operation is called three times;
one call in twenty fails.
"""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

import vitalspan as vs
from harness import Effort, arguments, emit, pin, seconds

OPERATIONS = 1000
COMPONENTS = 100
TICK = 5.0
WARM = 65


class FleetQuery:
    """Operations of many components, on a manual clock."""

    def __init__(self, operations: int, model: str) -> None:
        self.clock = vs.ManualClock()
        self.monitor = vs.Monitor(
            registry=CollectorRegistry(),
            system_metrics=False,
            clock=self.clock,
            max_series=2 * operations,
            health_model=model,
        )
        self._luck = random.Random(1)
        self._calls = [self._operation(number) for number in range(operations)]

    def pass_time(self) -> None:
        """Call every operation, and make the next tick due."""
        for call in self._calls:
            for _ in range(3):
                call(self._luck.choice((1e-5, 2e-5, 3e-5, 5e-5)), self._luck.random() < 0.05)
        self.clock.advance(TICK)

    def warm(self) -> None:
        """Fill more than a window of history."""
        for _ in range(WARM):
            self.pass_time()
            self.monitor.tick()

    def _operation(self, number: int) -> Callable[[float, bool], None]:
        operation = self.monitor.operation(
            f"operation{number}", component=f"component{number % COMPONENTS}", resources=False
        )

        def call(took: float, fails: bool) -> None:
            try:
                with operation:
                    self.clock.advance(took)
                    if fails:
                        raise ValueError
            except ValueError:
                pass

        return call


def assess(effort: Effort, count: int) -> dict[str, Any]:
    """One assessment, and a tick with and without it."""
    fleets = {model: FleetQuery(count, model) for model in ("classic", "off")}
    for fleet in fleets.values():
        fleet.warm()
    assessor = fleets["classic"].monitor.evaluation.assessor
    alone, ticks = [], {model: [] for model in fleets}
    for _ in range(5 if effort.quick else 30):
        for model, fleet in fleets.items():
            fleet.pass_time()
            gc.collect()
            ticks[model].append(seconds(fleet.monitor.tick))
        now = fleets["classic"].monitor.evaluation.history.ticks.times[-1]
        alone.append(seconds(lambda now=now: assessor.assess(now)))
    detail = {model: statistics.median(seen) * 1e3 for model, seen in ticks.items()}
    return {"assess": {"value": statistics.median(alone) * 1e3, "detail": detail}}


def scrape(effort: Effort, count: int) -> dict[str, Any]:
    """A scrape with health compared to one without it."""
    fleets = {model: FleetQuery(count, model) for model in ("classic", "off")}
    for fleet in fleets.values():
        fleet.warm()
    seen: dict[str, list[float]] = {model: [] for model in fleets}
    for _ in range(10 if effort.quick else 60):
        for model, fleet in fleets.items():
            fleet.pass_time()
            fleet.monitor.tick()
            gc.collect()
            seen[model].append(seconds(fleet.monitor.generate_latest))
    both = {model: statistics.median(times) * 1e3 for model, times in seen.items()}
    return {"scrape health": {"value": both["classic"] / both["off"], "detail": both}}


def main() -> None:
    """Measure the requested case."""
    effort, (which,) = arguments()
    pin(1)
    count = OPERATIONS // 5 if effort.quick else OPERATIONS
    emit(figures={"assess": assess, "scrape": scrape}[which](effort, count))


if __name__ == "__main__":
    main()
