"""A real Prometheus for tests: started on a free port, and always stopped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from support.server_program import ServerProgram
from support.waiting import wait_until

T = TypeVar("T")


class PrometheusServer(ServerProgram):
    """A Prometheus, with further `features` if they are set before it starts."""

    features: tuple[str, ...] = ()

    def flags(self) -> list[str]:
        return [
            f"--storage.tsdb.path={self.home / 'data'}",
            "--web.enable-remote-write-receiver",
            "--web.enable-lifecycle",
            f"--enable-feature={','.join(('exemplar-storage', *self.features))}",
        ]

    def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """The result of an instant query, at a Unix time or now."""
        parameters = {"query": promql} if at is None else {"query": promql, "time": str(at)}
        result: list[dict[str, Any]] = self.api("query", **parameters)["result"]
        return result

    def value(self, promql: str) -> float | None:
        """The value of a query with at most one sample; None without any."""
        result = self.query(promql)
        assert len(result) <= 1, f"{promql} gives more than one sample: {result}"
        return float(result[0]["value"][1]) if result else None

    def series_exemplars(self, query: str, seconds: float = 3600) -> list[dict[str, Any]]:
        """The latest exemplars: each series with its `exemplars`."""
        now = time.time()
        span = {"start": str(now - seconds), "end": str(now + 60)}
        exemplars: list[dict[str, Any]] = self.api("query_exemplars", query=query, **span)
        return exemplars

    def targets(self) -> list[dict[str, Any]]:
        """The active targets, with `health`, `lastError` and `labels`."""
        targets: list[dict[str, Any]] = self.api("targets", state="active")["activeTargets"]
        return targets

    def api(self, endpoint: str, **parameters: str) -> Any:
        """The `data` of a response of the HTTP API."""
        url = f"{self.url}/api/v1/{endpoint}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{url}: {error.read().decode()}") from None

    @staticmethod
    def wait_until(predicate: Callable[[], T], timeout: float = 180.0) -> T:
        """See the function of this name."""
        return wait_until(predicate, timeout)


def prometheus_binary(name: str = "prometheus") -> str:
    """The path of a program of Prometheus; without it, the test is skipped, or fails."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed"
        if os.environ.get("VITALSPAN_NO_SKIP") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def is_prometheus_2(name: str = "prometheus") -> bool:
    """Whether a program of Prometheus is one of version 2."""
    version = subprocess.run(
        [prometheus_binary(name), "--version"], capture_output=True, text=True, check=True
    )
    return "version 2." in version.stdout + version.stderr


@contextlib.contextmanager
def run_prometheus(
    config: str | dict[str, Any], tmp_path: Path, *features: str
) -> Iterator[PrometheusServer]:
    """Run Prometheus until the end with a configuration, as YAML or as its content."""
    binary = prometheus_binary()
    home = tmp_path / "prometheus"
    home.mkdir()
    server = PrometheusServer(binary, config, home)
    server.features = features
    with server:
        yield server
