"""A real Pushgateway for tests: started on a free port, and always stopped."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from support.prometheus_server import prometheus_binary
from support.server_program import ServerProgram


class PushgatewayServer(ServerProgram):
    """A Pushgateway."""

    def flags(self) -> list[str]:
        # Debian's version keeps pushed metrics across restarts.
        return [f"--persistence.file={self.home / 'groups'}"]

    def _command(self) -> list[str]:
        return [self._binary, f"--web.listen-address=127.0.0.1:{self._port}", *self.flags()]

    def value(self, name: str, **labels: str) -> float | None:
        """One sample that it has; groups that no instance has pushed have none."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as response:
            text = response.read().decode()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Read(list(text_string_to_metric_families(text))))
        return registry.get_sample_value(name, {"instance": "", **labels})


class _Read(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def run_pushgateway(home: Path) -> PushgatewayServer:
    """A Pushgateway that runs in a `with` statement; without the program, the test is skipped."""
    return PushgatewayServer(prometheus_binary("prometheus-pushgateway"), "", home)
