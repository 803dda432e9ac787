"""The relative cost of recording operations that take 0.23 ms and 5 ms."""

from __future__ import annotations

import random
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry

import vitalspan as vs
from harness import Effort, Subject, arguments, emit, pin, rounds, summary


def busy(seconds: float) -> Any:
    """A function that works until its time is up, on data that fills the caches."""
    draw = random.Random(7).random
    data = [draw() for _ in range(40_000)]

    def call(_: int) -> float:
        until = perf_counter() + seconds
        at, total = 0, 0.0
        while perf_counter() < until:
            total += sum(data[at : at + 64])
            at = (at + 64) % 40_000
        return total

    return call


def percents(seconds: float, effort: Effort) -> dict[str, float]:
    """The percentage that each value of `resources=` adds to an operation of that duration."""
    monitor = vs.Monitor(registry=CollectorRegistry())
    call = busy(seconds)
    subjects = {"plain": Subject(call)}
    for name, choice in (("default", None), ("never", False), ("always", True)):
        decorated = monitor.operation(f"{name}_{seconds}", resources=choice)(call)
        subjects[name] = Subject(decorated)
    seen = summary(rounds(subjects, effort))
    return {name: 100 * one["overhead"] / seen["plain"]["call"] for name, one in seen.items()}


def main() -> None:
    """Measure both durations."""
    effort, _ = arguments()
    pin(1)
    figures = {}
    for key, seconds in (("share", 0.00023), ("resources", 0.005)):
        detail = percents(seconds, effort)
        figures[key] = {"value": detail["default"], "detail": detail}
    emit(figures=figures)


if __name__ == "__main__":
    main()
