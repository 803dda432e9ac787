"""64 workers of 1,000 operations beside prometheus_client's multiprocess mode, and a call in one.

`scrape` or `call` on the command line. For the scrape, one process makes the files of one worker,
and they are copied for the others. Ours are locked, as those of living processes are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import repeat
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from harness import Effort, arguments, emit, pin, seconds
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
start = time.perf_counter()
text = generate_latest(registry)
print(time.perf_counter() - start, text.count(b"\\n"))
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


def ours(directory: Path, operations: int, workers: int) -> dict[str, float]:
    """Return the seconds of a scrape, of a start and of an end, and the bytes of one worker."""
    made: list[Monitor] = []

    def start() -> None:
        made.append(Monitor(registry=CollectorRegistry(), system_metrics=False, **settings))
        with made[0].operation("first"):
            pass
        made[0].workers.publisher.publish()  # type: ignore[union-attr]

    settings: dict[str, Any] = {"workers": str(directory), "publish_interval": 3600.0}
    started = seconds(start)
    monitor = made[0]
    for number in range(operations):
        for call in range(CALLS):
            start_at, site = 0.0001 * (1 + call), monitor.operation(f"shop.cart.checkout_{number}")
            with site:
                sum(range(int(start_at * 1e4)))
    shared = monitor.workers
    if shared is None:
        raise SystemExit("the monitor has no workers")
    published = seconds(shared.publisher.publish)
    # Both of the places that a state alternates between are there after two publications.
    with monitor.operation("first"):
        pass
    ended = seconds(shared.publisher.publish)
    size = size_of(directory)
    payload = shared.publisher.latest or b""
    others = [StateFile(directory, number, 1, 0.0) for number in range(1, workers)]
    for other in others:
        other.write(payload, 0.0)
    scrapes = sorted(seconds(monitor.generate_latest) for _ in range(3))
    for other in others:
        other.close()
    monitor.close()
    return {
        "scrape": scrapes[1],
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
        "vitalspan s": own["scrape"],
        "theirs s": their_seconds,
        "vitalspan KB": own["bytes"] / 1e3,
        "theirs KB": their_size / 1e3,
        "start ms": own["start"] * 1e3,
        "end ms": own["end"] * 1e3,
        "publish ms": own["first publication"] * 1e3,
    }
    return {
        "workers scrape": {"value": own["scrape"] / their_seconds, "detail": detail},
        "workers seconds": {"value": own["scrape"], "detail": detail},
        "workers bytes": {"value": own["bytes"] / their_size, "detail": detail},
        "workers end": {"value": own["end"] * 1e3, "detail": detail},
    }


def cpu_time(function: Any, calls: int) -> float:
    """Return the nanoseconds of CPU time of a call, with what the publishing thread takes."""
    start = time.process_time_ns()
    for _ in repeat(None, calls):
        function(7)
    return (time.process_time_ns() - start) / calls


def call(effort: Effort) -> dict[str, Any]:
    """Call a decorated function of a process by itself and of a worker, turn by turn."""

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
    """Measure the one that was asked for."""
    effort, (which,) = arguments()
    pin(1)
    emit(figures={"scrape": scrape, "call": call}[which](effort))


if __name__ == "__main__":
    main()
