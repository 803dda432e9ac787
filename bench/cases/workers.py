"""64 workers of 1,000 operations, compared with prometheus_client's multiprocess mode.

`scrape` or `call` on the command line. For the scrape, one process makes the files of one worker,
and they are copied for the others. Ours are locked, as those of living processes are. All times are
CPU time. A scrape is measured when every worker has counted calls of every operation since the one
before, which is the figure, and when no other worker has counted anything. prometheus_client reads
everything each time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any

from prometheus_client import CollectorRegistry

from harness import Effort, arguments, emit, pin
from vitalspan import Monitor
from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.workers.state_file import StateFile

OPERATIONS, WORKERS, CALLS = 1000, 64, 20

# The same series: a histogram, cancellations, calls in progress and the age of the oldest.
THEIRS = f"""
import sys
from prometheus_client import Counter, Gauge, Histogram
labels = ["component", "operation"]
duration = Histogram("duration", "d", labels, buckets={DURATION_BOUNDARIES})
cancelled = Counter("cancellations", "c", labels)
running = Gauge("in_progress", "g", labels, multiprocess_mode="livesum")
oldest = Gauge("oldest", "g", labels, multiprocess_mode="livemax")
for number in range(int(sys.argv[1])):
    name = "shop.cart.checkout_%d" % number
    for call in range({CALLS}):
        duration.labels("default", name).observe(0.0001 * (1 + call))
    cancelled.labels("default", name).inc(0)
    running.labels("default", name).set(0)
    oldest.labels("default", name).set(0)
"""
SCRAPE = """
import sys, time
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
registry = CollectorRegistry()
MultiProcessCollector(registry)
start = time.process_time()
text = generate_latest(registry)
print(time.process_time() - start, text.count(b"\\n"))
"""


def size_of(directory: Path) -> int:
    """Return the bytes that the files of a directory take on disk."""
    return sum(one.stat().st_blocks * 512 for one in directory.iterdir())


def theirs(directory: Path, operations: int, workers: int) -> tuple[float, int]:
    """Return the seconds of a scrape and the bytes of one worker."""
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
    subprocess.run([sys.executable, "-c", THEIRS, str(operations)], env=environ, check=True)
    size = size_of(directory)
    for path in list(directory.iterdir()):
        kind = path.stem.rpartition("_")[0]
        for worker in range(1, workers):
            shutil.copy(path, directory / f"{kind}_{9_000_000 + worker}.db")
    done = subprocess.run(
        [sys.executable, "-c", SCRAPE], env=environ, check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[0]), size


def cpu_seconds(function: Callable[[], object]) -> float:
    """Return the seconds of CPU time of a call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def call_all(monitor: Monitor, operations: int, calls: int) -> None:
    """Call every operation."""
    for number in range(operations):
        for call in range(calls):
            with monitor.operation(f"shop.cart.checkout_{number}"):
                sum(range(1 + call))


def ours(directory: Path, operations: int, workers: int) -> dict[str, float]:
    """Return the seconds of scrapes, of a start and of an end, and the bytes of one worker."""
    made: list[Monitor] = []

    def start() -> None:
        made.append(Monitor(registry=CollectorRegistry(), system_metrics=False, **settings))
        with made[0].operation("first"):
            pass
        made[0].workers.publisher.publish()  # type: ignore[union-attr]

    settings: dict[str, Any] = {"workers": str(directory), "publish_interval": 3600.0}
    started = cpu_seconds(start)
    monitor = made[0]
    call_all(monitor, operations, CALLS)
    shared = monitor.workers
    if shared is None:
        raise SystemExit("the monitor has no workers")
    published = cpu_seconds(shared.publisher.publish)
    # After two publications, both of the places between which a state alternates exist.
    with monitor.operation("first"):
        pass
    ended = cpu_seconds(shared.publisher.publish)
    size = size_of(directory)
    others = [StateFile(directory, number, 1, 0.0) for number in range(1, workers)]

    def publish_all() -> None:
        shared.publisher.publish()
        for other in others:
            other.write(shared.publisher.latest or b"", 0.0)

    publish_all()
    first = cpu_seconds(monitor.generate_latest)
    idle = [cpu_seconds(monitor.generate_latest) for _ in range(5)]
    busy = []
    for _ in range(5):
        call_all(monitor, operations, 2)
        publish_all()
        busy.append(cpu_seconds(monitor.generate_latest))
    for other in others:
        other.close()
    monitor.close()
    return {
        "busy": median(busy),
        "idle": median(idle),
        "first": first,
        "bytes": size,
        "start": started,
        "first publication": published,
        "end": ended,
    }


def scrape(effort: Effort) -> dict[str, Any]:
    """Scrape the same series from both."""
    operations, workers = (100, 8) if effort.quick else (OPERATIONS, WORKERS)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as another:
        own = ours(Path(one), operations, workers)
        their_seconds, their_size = theirs(Path(another), operations, workers)
    detail = {
        "vitalspan s": own["busy"],
        "vitalspan s, nothing new": own["idle"],
        "vitalspan s, the first": own["first"],
        "theirs s": their_seconds,
        "vitalspan KB": own["bytes"] / 1e3,
        "theirs KB": their_size / 1e3,
        "start ms": own["start"] * 1e3,
        "end ms": own["end"] * 1e3,
        "publish ms": own["first publication"] * 1e3,
    }
    return {
        "workers scrape": {"value": own["busy"] / their_seconds, "detail": detail},
        "workers seconds": {"value": own["busy"], "detail": detail},
        "workers bytes": {"value": own["bytes"] / their_size, "detail": detail},
        "workers end": {"value": own["end"] * 1e3, "detail": detail},
    }


def cpu_time(function: Any, calls: int) -> float:
    """Return the nanoseconds of CPU time of a call, including that of the publishing thread."""
    start = time.process_time_ns()
    for _ in repeat(None, calls):
        function(7)
    return (time.process_time_ns() - start) / calls


def call(effort: Effort) -> dict[str, Any]:
    """Call a decorated function in a single process and in a worker, in turn."""

    def work(number: int) -> int:
        return number

    with tempfile.TemporaryDirectory() as directory:
        alone = Monitor(registry=CollectorRegistry(), system_metrics=False)
        shared = Monitor(registry=CollectorRegistry(), system_metrics=False, workers=directory)
        subjects: dict[str, Any] = {
            "plain": work,
            "alone": alone.operation("work")(work),
            "shared": shared.operation("work")(work),
        }
        calls = 20_000 if effort.quick else 200_000
        seen: dict[str, list[float]] = {name: [] for name in subjects}
        for _ in range(effort.rounds):
            for name, subject in subjects.items():
                seen[name].append(cpu_time(subject, calls))
        best = {name: min(times) for name, times in seen.items()}
        for monitor in (alone, shared):
            monitor.close()
    value = (best["shared"] - best["plain"]) / (best["alone"] - best["plain"])
    return {"workers call": {"value": value, "detail": best}}


def main() -> None:
    """Measure the requested case."""
    effort, (which,) = arguments()
    pin(1)
    emit(figures={"scrape": scrape, "call": call}[which](effort))


if __name__ == "__main__":
    main()
