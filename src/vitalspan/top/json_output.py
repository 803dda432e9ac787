"""The JSON output of `vitalspan top --json`: a snapshot of the services in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from vitalspan.top.figures import Figures
from vitalspan.top.instances import Snapshot
from vitalspan.top.scrape_rounds import Rounds
from vitalspan.top.view import View


def document(snapshot: Snapshot, view: View) -> str:
    """Return one line of ASCII JSON; unknown values are `null`.

    Times are Unix seconds, durations seconds, rates per second, ratios from 0 to 1.

    Args:
        snapshot: the state of the instances.
        view: the view with the rows, in their order.
    """
    fields = {
        "time": snapshot.time,
        "instances": [
            {
                "instance": one.name,
                "error": one.error,
                "score": one.health.score,
                "status": one.health.status,
                "points_lost": dict(one.health.lost),
            }
            for one in snapshot.instances
        ],
        "alerts": [
            {
                "alertname": alert.name,
                "severity": alert.severity,
                "state": alert.state,
                "labels": dict(alert.labels),
                "instances": places,
            }
            for alert, places in snapshot.alerts()
        ],
        "operations": [_operation(one) for one in view.rows],
    }
    return json.dumps(fields, allow_nan=False)


def _operation(one: Figures) -> dict[str, Any]:
    return {
        "component": one.component,
        "operation": one.operation,
        "instance": one.instance or None,
        "calls": one.calls,
        "errors": one.errors,
        "cancelled": one.cancelled,
        "in_progress": one.in_progress,
        "oldest_in_progress": one.oldest,
        "call_rate": one.call_rate,
        "error_rate": one.error_rate,
        "error_ratio": one.error_ratio,
        "mean": one.mean,
        **{f"p{q * 100:.0f}": one.quantile(q) for q in (0.5, 0.95, 0.99)},
    }


def print_json(
    rounds: Rounds, view: View, pause: Callable[[float], object], *, once: bool
) -> Snapshot:
    """Print a line of JSON after each round from the second one on, forever or once.

    Args:
        rounds: scrapes the instances.
        view: what to show.
        pause: waits for some seconds.
        once: whether to print a single line.
    """
    snapshot = rounds.run_twice(pause)
    while True:
        view.show(snapshot.figures(apart=view.apart))
        print(document(snapshot, view), flush=True)  # noqa: T201 - this is the output
        if once:
            return snapshot
        pause(rounds.wait)
        snapshot = rounds.run()
