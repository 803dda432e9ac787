"""A real Prometheus for tests: started on a free port, always ended."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

_ATTEMPTS = 5
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


class PrometheusServer:
    """A Prometheus that runs.

    Attributes:
        url: its address, without a slash at the end.
        log: the file that its log goes to.
    """

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self.log = log

    def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """The result of an instant query, at a Unix time or now."""
        parameters = {"query": promql} if at is None else {"query": promql, "time": str(at)}
        result: list[dict[str, Any]] = self.api("query", **parameters)["result"]
        return result

    def value(self, promql: str) -> float | None:
        """The value of a query that gives one sample at most; None without any."""
        result = self.query(promql)
        assert len(result) <= 1, f"{promql} gives more than one sample: {result}"
        return float(result[0]["value"][1]) if result else None

    def series_exemplars(self, query: str, seconds: float = 3600) -> list[dict[str, Any]]:
        """The exemplars of the last while: each series with its `exemplars`."""
        now = time.time()
        span = {"start": str(now - seconds), "end": str(now + 60)}
        exemplars: list[dict[str, Any]] = self.api("query_exemplars", query=query, **span)
        return exemplars

    def targets(self) -> list[dict[str, Any]]:
        """The active targets, with `health`, `lastError` and `labels`."""
        targets: list[dict[str, Any]] = self.api("targets", state="active")["activeTargets"]
        return targets

    def api(self, endpoint: str, **parameters: str) -> Any:
        """The `data` of an answer of the HTTP API."""
        url = f"{self.url}/api/v1/{endpoint}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{url}: {error.read().decode()}") from None

    @staticmethod
    def wait_until(predicate: Callable[[], T], timeout: float = 60.0) -> T:
        """See the function of this name."""
        return wait_until(predicate, timeout)


def wait_until(predicate: Callable[[], T], timeout: float = 60.0) -> T:
    """Ask again and again until the answer is true, and return it.

    Raises:
        AssertionError: if it is still not after `timeout` seconds; the message has the last one.
    """
    deadline = time.monotonic() + timeout
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {timeout} s")
        time.sleep(0.05)
    return answer


def prometheus_binary(name: str = "prometheus") -> str:
    """The path of a program of Prometheus; without it the test is skipped, or fails if told to."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed"
        if os.environ.get("VITALSPAN_NO_SKIP") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextlib.contextmanager
def run_prometheus(config: str | dict[str, Any], tmp_path: Path) -> Iterator[PrometheusServer]:
    """Run Prometheus with a configuration, as YAML or as what YAML would say, until the end."""
    binary = prometheus_binary()
    home = tmp_path / "prometheus"
    home.mkdir()
    file = home / "prometheus.yml"
    file.write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    log = home / "log.txt"
    process, port = _start(binary, file, home, log)
    try:
        yield PrometheusServer(f"http://127.0.0.1:{port}", log)
    finally:
        _stop(process)


def _start(binary: str, file: Path, home: Path, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(_ATTEMPTS):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [
            binary,
            f"--config.file={file}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--web.enable-lifecycle",
            "--enable-feature=exemplar-storage,native-histograms",
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_until(partial(_ended_or_ready, process, port), _START_SECONDS)
        except BaseException:
            _stop(process)
            raise
        if process.poll() is None:
            return process, port
        if b"address already in use" not in log.read_bytes():
            break
    raise AssertionError(f"Prometheus did not start:\n{log.read_text(errors='replace')}")


def _ended_or_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    return process.poll() is not None or _ready(port)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as response:
            return response.status == 200
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
