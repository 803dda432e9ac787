"""The demo's alerts: load its rule file, and print a line for each change of an alert."""

from __future__ import annotations

import asyncio
import signal
from importlib.resources import files
from typing import TYPE_CHECKING

import vitalspan as vs
from vitalspan.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitalspan.rules.alert import Alert

RULES = str(files("vitalspan.demo").joinpath("rules.yml"))
LOOK_SECONDS = 0.5


def load_rules(rules: str | None, tick: float, alertmanager: str, webhook: str) -> str:
    """Load a rule file and start to evaluate it; return a text about it for the greeting.

    Args:
        rules: the path of the file; None is the demo's own.
        tick: the evaluation interval in seconds.
        alertmanager: the addresses of Alertmanagers that receive alerts, if any.
        webhook: the address of a webhook that receives alerts, if any.

    Raises:
        ConfigurationError: for a file with mistakes, or for an invalid address.
    """
    path = rules or RULES
    try:
        vs.configure(
            rules=path,
            tick_interval=tick,
            alertmanager=alertmanager,
            webhook=webhook,
            # Faults only last for seconds here, and people want to see each of them.
            group_wait=0,
            group_interval=0,
        )
    except MissingExtraError as missing:
        vs.configure(tick_interval=tick)
        return f"none: {missing}"
    if hasattr(signal, "SIGHUP"):
        vs.get_monitor().rules.reload_on_signal()
    return f"by {path}, every {tick:g} s"


async def announce(say: Callable[[str], object]) -> None:
    """Print the alerts that start to fire or are resolved, until cancelled."""
    announced: dict[str, tuple[str, str]] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        alerts = vs.get_monitor().alerts.active()
        for alert in alerts:
            now = (alert.severity, alert.state)
            if alert.state != "pending" and announced.get(alert.id) != now:
                announced[alert.id] = now
                say(_line(alert))
        announced = {one.id: announced[one.id] for one in alerts if one.id in announced}


def _line(alert: Alert) -> str:
    if alert.state == "resolved":
        return f"       resolved: {alert.alertname}"
    return f"       {alert.severity}: {alert.alertname}, {alert.message}"
