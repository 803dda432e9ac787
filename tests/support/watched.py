"""A monitor with a manual clock, for tests of rules."""

from __future__ import annotations

import contextlib
from typing import Any

from prometheus_client import CollectorRegistry

import vitalspan as vs

TICK = 5.0


class Watched:
    """A monitor, with calls, ticks and readings for tests."""

    def __init__(self, **settings: Any) -> None:
        # Most tests of health use points that are easy to compute.
        settings = {"health_model": "classic", **settings}
        self.clock = vs.ManualClock()
        self.registry = CollectorRegistry()
        self.monitor = vs.Monitor(
            registry=self.registry, system_metrics=False, clock=self.clock, **settings
        )
        # From here on, history is kept.
        assert self.monitor.rules is not None

    def call(
        self,
        name: str = "f",
        seconds: float = 0.0,
        *,
        times: int = 1,
        error: BaseException | None = None,
        add: dict[str, float] | None = None,
        **options: Any,
    ) -> None:
        """Make calls with a duration; afterwards the clock shows the same time as before."""
        operation = self.monitor.operation(name, **options)
        for _ in range(times):
            began = self.clock._now
            with contextlib.suppress(type(error) if error else ()), operation as call:
                for measure, amount in (add or {}).items():
                    call.add(measure, amount)
                self.clock.advance(seconds)
                if error is not None:
                    raise error
            self.clock._now = began

    def tick(self, times: int = 1, seconds: float = TICK) -> None:
        """Let time pass, a tick at a time."""
        for _ in range(times):
            self.clock.advance(seconds)
            self.monitor.tick()

    def read(self, signal: str, **fields: Any) -> float | None:
        """The value of a signal as of the last tick."""
        return self.monitor.rules.read(signal, **fields).value

    def states(self) -> dict[str, tuple[str, str]]:
        """Alerts by name: severity and state."""
        return {one.alertname: (one.severity, one.state) for one in self.monitor.alerts.active()}

    def sample(self, name: str, **labels: str) -> float | None:
        """A sample of the registry."""
        return self.registry.get_sample_value(name, labels)
