"""The demo's alerts: its rule file put in force, and a line on the screen for each change."""

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


def put_in_force(rules: str | None, tick: float, alertmanager: str, webhook: str) -> str:
    """Load a rule file and begin to tick; return what to say about it.

    Args:
        rules: its path; None is the demo's own.
        tick: seconds between two evaluations.
        alertmanager: addresses of Alertmanagers that are told, if any.
        webhook: the address of a webhook that is told, if any.

    Raises:
        ConfigurationError: for a file with mistakes, or what is no address.
    """
    path = rules or RULES
    try:
        vs.configure(rules=path, tick_interval=tick, alertmanager=alertmanager, webhook=webhook)
    except MissingExtraError as missing:
        vs.configure(tick_interval=tick)
        return f"none: {missing}"
    if hasattr(signal, "SIGHUP"):
        vs.get_monitor().rules.reload_on_signal()
    return f"by {path}, every {tick:g} s"


async def announce(say: Callable[[str], object]) -> None:
    """Say what begins and ends to fire, until cancelled."""
    told: dict[str, tuple[str, str]] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        alerts = vs.get_monitor().alerts()
        for alert in alerts:
            now = (alert.severity, alert.state)
            if alert.state != "pending" and told.get(alert.id) != now:
                told[alert.id] = now
                say(_line(alert))
        told = {alert.id: told[alert.id] for alert in alerts if alert.id in told}


def _line(alert: Alert) -> str:
    if alert.state == "resolved":
        return f"       over: {alert.alertname}"
    return f"       {alert.severity}: {alert.alertname}, {alert.message}"
