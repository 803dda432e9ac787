"""Calls per second of one operation that eight threads call on two cores."""

from __future__ import annotations

import statistics
import threading
from itertools import repeat
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry

import vitalspan as vs
from cases.by_hand import by_hand, series
from floor import floor, work
from harness import Subject, arguments, emit, order, pin

THREADS = 8


def rate(subject: Subject, calls: int) -> float:
    """Calls per second of all threads together, each of which makes `calls`."""
    gate = threading.Barrier(THREADS + 1)

    def run() -> None:
        call: Any = subject.call
        gate.wait()
        for _ in repeat(None, calls):
            call(7)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    start = perf_counter()
    gate.wait()
    for thread in threads:
        thread.join()
    if subject.finish is not None:
        subject.finish()
    return THREADS * calls / (perf_counter() - start)


def main() -> None:
    """Measure the subjects in turn; the figure is the ratio of medians."""
    effort, _ = arguments()
    pin(2)
    monitor = vs.Monitor(registry=CollectorRegistry())
    subjects = {
        "floor": Subject(floor(work)),
        "vitalspan": Subject(monitor.operation(work), monitor.fold),
        "by hand": Subject(by_hand(work, series(CollectorRegistry()))),
    }
    share = (0.02 if effort.quick else 0.2) / THREADS
    calls = {name: int(rate(one, 2000) * share) for name, one in subjects.items()}
    seen: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(effort.rounds):
        for name in order(list(subjects), number):
            seen[name].append(rate(subjects[name], calls[name]))
    detail = {name: statistics.median(rates) / 1e6 for name, rates in seen.items()}
    value = detail["vitalspan"] / detail["by hand"]
    emit(figures={"threads": {"value": value, "detail": detail}})


if __name__ == "__main__":
    main()
