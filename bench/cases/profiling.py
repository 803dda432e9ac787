"""The cost of profiling slow calls: a call, watching a thousand operations, sampling one call."""

from __future__ import annotations

import threading
import time
from typing import Any

from prometheus_client import CollectorRegistry

import vitalspan as vs
from floor import work
from harness import Effort, Subject, arguments, emit, pin, rounds, summary

OPERATIONS = 1000
DEPTH = 30
"""The number of frames of the sampled call."""


def monitor(*, profiled: bool) -> vs.Monitor:
    """A monitor that profiles slow calls, or does not."""
    return vs.Monitor(
        registry=CollectorRegistry(), system_metrics=False, profile_slow_calls=profiled
    )


def calls(effort: Effort) -> dict[str, Any]:
    """A call of an operation with a limit, with and without profiling of slow calls."""
    made = {name: monitor(profiled=name == "on") for name in ("off", "on")}
    subjects = {"plain": Subject(work)}
    for name, one in made.items():
        subjects[name] = Subject(one.operation("work", slow=10.0)(work), one.fold)
    seen = {name: one["overhead"] for name, one in summary(rounds(subjects, effort)).items()}
    for one in made.values():
        one.close()
    return {"value": seen["on"] / seen["off"], "detail": seen}


def percent_of_cpu(seconds: float) -> float:
    """The CPU share of the other threads while this one does nothing."""
    began, cpu = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    return 100 * (time.process_time() - cpu) / (time.perf_counter() - began)


def watching(seconds: float) -> float:
    """Percent of a core for watching a thousand operations with limits and running calls."""
    one = monitor(profiled=True)
    inside = [one.operation(f"operation {n}", slow=1000.0) for n in range(OPERATIONS)]
    for operation in inside:
        operation.__enter__()
    time.sleep(0.5)
    percent = percent_of_cpu(seconds)
    for operation in inside:
        operation.__exit__(None, None, None)
    one.close()
    return percent


def sampling(seconds: float) -> float:
    """Percent of a core for sampling a call that waits thirty frames deep."""
    one = monitor(profiled=True)
    ended = threading.Event()

    def wait(depth: int) -> None:
        if depth:
            wait(depth - 1)
        else:
            ended.wait()

    slow = one.operation("slow", slow=0.01)(wait)
    thread = threading.Thread(target=slow, args=(DEPTH,), daemon=True)
    thread.start()
    time.sleep(0.5)
    percent = percent_of_cpu(seconds)
    ended.set()
    thread.join()
    one.close()
    return percent


def main() -> None:
    """Measure all three."""
    effort, _ = arguments()
    pin(1)
    seconds = 3.0
    emit(
        figures={
            "profiled call": calls(effort),
            "watching": {"value": watching(seconds), "detail": {}},
            "sampling": {"value": sampling(seconds), "detail": {}},
        }
    )


if __name__ == "__main__":
    main()
