"""A real VictoriaMetrics and its vmalert for tests: started on free ports, and always stopped."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from support.server_program import ServerProgram


class VictoriaMetrics(ServerProgram):
    """A VictoriaMetrics that scrapes the targets in its configuration."""

    def flags(self) -> list[str]:
        return [f"-storageDataPath={self.home / 'data'}", "-loggerTimezone=UTC"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query, now."""
        parameters = urllib.parse.urlencode({"query": expression, "nocache": "1"})
        data = api_data(f"{self.url}/api/v1/query?{parameters}")
        result: list[dict[str, Any]] = data["result"]
        return result

    def _command(self) -> list[str]:
        return [
            self._binary,
            f"-promscrape.config={self._config}",
            f"-httpListenAddr=127.0.0.1:{self._port}",
            *self.flags(),
        ]


class Vmalert(ServerProgram):
    """A vmalert that evaluates a rule file on a VictoriaMetrics.

    Args:
        binary: the program.
        rules: the text of the rule file.
        home: where its files go.
        database: the VictoriaMetrics that it queries and writes to.
    """

    def __init__(self, binary: str, rules: str, home: Path, database: VictoriaMetrics) -> None:
        super().__init__(binary, rules, home)
        self._database = database

    def flags(self) -> list[str]:
        return [
            f"-datasource.url={self._database.url}",
            f"-remoteWrite.url={self._database.url}",
            "-remoteWrite.flushInterval=200ms",
            "-rule.evalDelay=1s",
            "-notifier.blackhole",
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """The active alerts, each with `name`, `state`, `labels` and `annotations`."""
        alerts: list[dict[str, Any]] = api_data(f"{self.url}/api/v1/alerts")["alerts"]
        return alerts

    def rule_errors(self) -> dict[str, str]:
        """The last error of every rule that has one, by its name."""
        groups = api_data(f"{self.url}/api/v1/rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return {rule["name"]: rule["lastError"] for rule in rules if rule.get("lastError")}

    def _command(self) -> list[str]:
        return [
            self._binary,
            f"-rule={self._config}",
            f"-httpListenAddr=127.0.0.1:{self._port}",
            *self.flags(),
        ]


def api_data(url: str) -> Any:
    """The `data` of a response of the HTTP API."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)["data"]
