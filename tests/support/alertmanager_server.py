"""A real Alertmanager for tests: started on a free port, and always stopped."""

from __future__ import annotations

import contextlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.prometheus_server import prometheus_binary
from support.server_program import ServerProgram

ROUTE: dict[str, Any] = {
    "group_by": ["alertname"],
    "group_wait": "200ms",
    "group_interval": "1s",
    "repeat_interval": "1h",
}
"""It groups by name, waits for the alerts of one request, and reports changes within a second."""


class AlertmanagerServer(ServerProgram):
    """An Alertmanager, with its files on disk."""

    def flags(self) -> list[str]:
        return [f"--storage.path={self.home / 'data'}", "--cluster.listen-address="]

    def alerts(self, **parameters: str) -> list[dict[str, Any]]:
        """The alerts that it has and that have not ended."""
        return self._api("alerts", **parameters)

    def groups(self) -> list[dict[str, Any]]:
        """The groups of these alerts."""
        return self._api("alerts/groups")

    def silences(self) -> list[dict[str, Any]]:
        """All silences, including those that have ended."""
        return self._api("silences")

    def flushes(self) -> int:
        """The number of lookups in its notification log, one at the start of each flush of a group.

        The notification of a flush is only on record, and survives a restart, once the next one
        begins.
        """
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as response:
            for line in response:
                if line.startswith(b"alertmanager_nflog_queries_total "):
                    return int(float(line.split()[1]))
        raise AssertionError("Alertmanager shows no alertmanager_nflog_queries_total")

    def _api(self, endpoint: str, **parameters: str) -> list[dict[str, Any]]:
        url = f"{self.url}/api/v2/{endpoint}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as response:
            found: list[dict[str, Any]] = json.load(response)
            return found


@contextlib.contextmanager
def run_alertmanager(
    tmp_path: Path, webhook: str | None = None, **route: Any
) -> Iterator[AlertmanagerServer]:
    """Run Alertmanager with one receiver, named `sink`, until the end.

    Args:
        tmp_path: the directory of its files.
        webhook: the URL that it posts to.
        route: settings of the route that add to those of `ROUTE`, or replace them.
    """
    binary = prometheus_binary("prometheus-alertmanager")
    receiver: dict[str, Any] = {"name": "sink"}
    if webhook is not None:
        receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
    config = {"route": {**ROUTE, "receiver": "sink", **route}, "receivers": [receiver]}
    home = tmp_path / "alertmanager"
    home.mkdir()
    with AlertmanagerServer(binary, config, home) as server:
        yield server
