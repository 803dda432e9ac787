"""A process of a service, for tests of several: it has traffic, rules and an Alertmanager."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_PROGRAM: Final = """
import contextlib, json, sys, threading, time
import vitalspan as vs
from vitalspan.notify import Alertmanager

rules, alertmanager, failing, tick, resend = json.loads(sys.argv[1])
vs.configure(rules=rules, tick_interval=tick)
monitor = vs.get_monitor()
monitor.receivers.add(Alertmanager(alertmanager, resend=resend))
state = {"failing": failing}

def traffic():
    while True:
        with contextlib.suppress(ValueError), monitor.operation("checkout"):
            if state["failing"]:
                raise ValueError
        time.sleep(0.02)

def fail(failing):
    state["failing"] = failing

def silence(seconds):
    return monitor.alerts.silence({"alertname": "=~.+"}, seconds).id

def unsilence(number):
    return monitor.alerts.unsilence(number)

def summaries(_):
    rules = [rule for group in monitor.rules.in_force.groups for rule in group.rules]
    return {rule.alert: dict(rule.annotations)["summary"] for rule in rules}

threading.Thread(target=traffic, daemon=True).start()
print("null", flush=True)
for line in sys.stdin:
    name, argument = json.loads(line)
    print(json.dumps(globals()[name](argument)), flush=True)
monitor.close()
"""


class ShopProcess:
    """A process that can be told to fail, to be silent, to end, and to start again.

    Args:
        name: its `service.instance.id`.
        rules: its rule file.
        alertmanager: the URL of the Alertmanager that it notifies.
        tick: the number of seconds between two ticks.
        resend: the number of seconds after which an alert is sent again.
    """

    def __init__(
        self, name: str, rules: Path, alertmanager: str, *, tick: float, resend: float
    ) -> None:
        self.name = name
        self.rules = rules
        self._settings = (alertmanager, tick, resend)
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, failing: bool = False) -> None:
        """Start it, with ticks and traffic."""
        alertmanager, tick, resend = self._settings
        given = json.dumps([str(self.rules), alertmanager, failing, tick, resend])
        identity = f"service.instance.id={self.name}"
        with self.rules.with_suffix(".log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, given],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={
                    **os.environ,
                    "OTEL_SERVICE_NAME": "shop",
                    "OTEL_RESOURCE_ATTRIBUTES": identity,
                },
            )
        self._answer()

    def tell(self, name: str, argument: Any = None) -> Any:
        """Call a function of the program, and return its result."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, argument]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def stop(self, *, kill: bool = False) -> None:
        """End it: in order, or at once."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        process.communicate(timeout=60)
        assert kill or process.returncode == 0

    def _answer(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self.name} has ended"
        return json.loads(line)
