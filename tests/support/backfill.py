"""A Prometheus with samples of the past, for tests: blocks are created before it starts."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from support.prometheus_server import PrometheusServer, prometheus_binary

Samples = Iterable[tuple[str, float, str]]
"""The series as a selector, a Unix time, and the value as text; in order of time."""


class BackfilledServer(PrometheusServer):
    """A Prometheus that can be given samples of any time.

    Args:
        home: the directory of its files.
        config: its configuration.
        lookback: how many seconds the last sample of a series remains its present value.
    """

    def __init__(self, home: Path, config: Mapping[str, Any], lookback: float = 300.0) -> None:
        super().__init__(prometheus_binary(), dict(config), home)
        self._lookback = lookback
        self._files = 0

    def flags(self) -> list[str]:
        return [*super().flags(), f"--query.lookback-delta={self._lookback:g}s"]

    def fill(self, samples: Samples) -> None:
        """Import samples; it must not run meanwhile."""
        self._files += 1
        file = self.home / f"samples-{self._files}.txt"
        with file.open("w") as text:
            text.writelines(f"{series} {value} {when:.3f}\n" for series, when, value in samples)
            text.write("# EOF\n")
        command = ["tsdb", "create-blocks-from", "openmetrics", str(file), str(self.home / "data")]
        ended = subprocess.run(
            [prometheus_binary("promtool"), *command], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        file.unlink()

    def between(self, promql: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The result of a query at every step of a range."""
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        result: list[dict[str, Any]] = self.api("query_range", query=promql, **span)["result"]
        return result

    def record(
        self, rules: Iterable[Mapping[str, Any]], start: float, end: float, step: float
    ) -> None:
        """Evaluate recording rules at every step of a range, as if they had run then."""
        for stage in in_stages(rules):
            self.start()
            found = [one for rule in stage for one in self._recorded(rule, start, end, step)]
            self.stop()
            # What `or` has of either side, of one series of it, comes in turns.
            self.fill(sorted(found, key=lambda sample: sample[:2]))

    def _recorded(
        self, rule: Mapping[str, Any], start: float, end: float, step: float
    ) -> Iterator[tuple[str, float, str]]:
        for series in self.between(rule["expr"], start, end, step):
            labels = {**series["metric"], **rule.get("labels", {})}
            labels.pop("__name__", None)
            told = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
            for when, value in series["values"]:
                yield f"{rule['record']}{{{told}}}", when, value


def in_stages(rules: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Rules in groups, each of which uses what the previous ones record."""
    every = list(rules)
    names = {rule["record"] for rule in every}
    stages: dict[int, list[Mapping[str, Any]]] = {}
    known: dict[str, int] = {}
    for rule in every:
        used = set(re.findall(r"\b\w+:\w+:\w+\b", rule["expr"])) & names
        stage = 1 + max((known[name] for name in used), default=0)
        known[rule["record"]] = max(stage, known.get(rule["record"], 0))
        stages.setdefault(stage, []).append(rule)
    return [stages[stage] for stage in sorted(stages)]
