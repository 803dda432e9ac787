"""A collector that hangs until it is released."""

from __future__ import annotations

import threading
from typing import Any

from prometheus_client.registry import Collector

PATIENCE = 120.0


class BlockedCollector(Collector):
    """A collector that does not finish before `go_on` is set."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> list[Any]:
        self.entered.release()
        assert self.go_on.wait(PATIENCE)
        return []
