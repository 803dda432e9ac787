"""The cost of importing vitalspan compared with its dependencies, in fresh processes.

`import vitalspan` imports nothing else until something is used. Two things are measured: that
import beside prometheus_client's, and the import of all that an operation needs beside those of
prometheus_client and the OTel API.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from harness import arguments, emit, pin

BARE = "import vitalspan"
OPERATION = "from vitalspan import operation"
PROMETHEUS = "import prometheus_client"
BOTH = "import prometheus_client, opentelemetry.trace"
TIMED = "from time import perf_counter as t; s = t(); {}; print(t() - s)"


def milliseconds(statement: str) -> float:
    """How long a fresh interpreter takes for an import."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout) * 1e3


def main() -> None:
    """Measure in turn; the figures are ratios of medians."""
    effort, _ = arguments()
    pin(1)
    seen: dict[str, list[float]] = {BARE: [], PROMETHEUS: [], OPERATION: [], BOTH: []}
    for statement in seen:
        milliseconds(statement)
    for _ in range(effort.rounds):
        for statement, times in seen.items():
            times.append(milliseconds(statement))
    median = {statement: statistics.median(times) for statement, times in seen.items()}
    figures = {
        "import": (median[BARE], median[PROMETHEUS]),
        "import operation": (median[OPERATION], median[BOTH]),
    }
    emit(
        figures={
            name: {"value": ours / theirs, "detail": {"vitalspan": ours, "others": theirs}}
            for name, (ours, theirs) in figures.items()
        }
    )


if __name__ == "__main__":
    main()
