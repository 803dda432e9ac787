"""What `import vitalspan` costs beside prometheus_client and the OTel API, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys

from harness import arguments, emit, pin

OURS = "vitalspan"
THEIRS = "prometheus_client, opentelemetry.trace"
TIMED = "from time import perf_counter as t; s = t(); import {}; print(t() - s)"


def milliseconds(what: str) -> float:
    """How long a fresh interpreter takes for one import."""
    command = [sys.executable, "-c", TIMED.format(what)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout) * 1e3


def main() -> None:
    """Take turns; the figure is the ratio of medians."""
    effort, _ = arguments()
    pin(1)
    seen: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for what in seen:
        milliseconds(what)
    for _ in range(effort.rounds):
        for what, times in seen.items():
            times.append(milliseconds(what))
    ours, theirs = (statistics.median(times) for times in seen.values())
    detail = {"vitalspan": ours, "both": theirs}
    emit(figures={"import": {"value": ours / theirs, "detail": detail}})


if __name__ == "__main__":
    main()
