"""A real Alertmanager for tests: started on a free port, always ended."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_server import prometheus_binary, wait_until

_ATTEMPTS = 5
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0

ROUTE: dict[str, Any] = {
    "group_by": ["alertname"],
    "group_wait": "200ms",
    "group_interval": "1s",
    "repeat_interval": "1h",
}
"""Groups by name, waits for the alerts of one request, and tells of a change within a second."""


class AlertmanagerServer:
    """An Alertmanager that can be stopped and started again, with what it keeps on disk.

    Attributes:
        url: its address, without a slash at the end.
        log: the file that its log goes to.
    """

    def __init__(self, config: str | dict[str, Any], home: Path) -> None:
        self._binary = prometheus_binary("prometheus-alertmanager")
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self.log = home / "log.txt"
        self._file = home / "alertmanager.yml"
        text = config if isinstance(config, str) else json.dumps(config)
        self._file.write_text(text, encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start on a free port, or again on the one that it had."""
        for _ in range(_ATTEMPTS):
            if not self._port:
                with socket.create_server(("127.0.0.1", 0)) as probe:
                    self._port = probe.getsockname()[1]
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(
                    self._command(), stdout=output, stderr=subprocess.STDOUT
                )
            try:
                wait_until(lambda: self._ended() or self._ready(), _START_SECONDS)
            except BaseException:
                self.stop()
                raise
            if not self._ended():
                return
            self._process = None
            if b"address already in use" not in self.log.read_bytes():
                break
            self._port = 0
        raise AssertionError(f"it did not start:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        """End it, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def alerts(self, **parameters: str) -> list[dict[str, Any]]:
        """The alerts that it has and that are not over."""
        return self._api("alerts", **parameters)

    def groups(self) -> list[dict[str, Any]]:
        """The groups of these alerts."""
        return self._api("alerts/groups")

    def _api(self, endpoint: str, **parameters: str) -> list[dict[str, Any]]:
        url = f"{self.url}/api/v2/{endpoint}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as response:
            found: list[dict[str, Any]] = json.load(response)
            return found

    def _command(self) -> list[str]:
        return [
            self._binary,
            f"--config.file={self._file}",
            f"--storage.path={self._home / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--cluster.listen-address=",
        ]

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as response:
                return response.status == 200
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False


@contextlib.contextmanager
def run_alertmanager(
    tmp_path: Path, webhook: str | None = None, **route: Any
) -> Iterator[AlertmanagerServer]:
    """Run Alertmanager until the end, with one receiver, named `sink`.

    Args:
        tmp_path: where its files go.
        webhook: a URL that it posts to.
        route: settings of the route, beside or instead of those of `ROUTE`.
    """
    receiver: dict[str, Any] = {"name": "sink"}
    if webhook is not None:
        receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
    config = {"route": {**ROUTE, "receiver": "sink", **route}, "receivers": [receiver]}
    home = tmp_path / "alertmanager"
    home.mkdir()
    server = AlertmanagerServer(config, home)
    server.start()
    try:
        yield server
    finally:
        server.stop()
