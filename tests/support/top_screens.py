"""Expositions of services, and the screen that `vitalspan top` shows of them."""

from __future__ import annotations

import io

from rich.console import Console

from vitalspan.bridge.scrape.text_parser import parse_metrics
from vitalspan.top.figures import figures_of
from vitalspan.top.instances import InstanceState, Snapshot
from vitalspan.top.screen import screen
from vitalspan.top.service_metrics import Reading, read_metrics
from vitalspan.top.view import View

MORNING = 1_800_000_000.0


def exposition(
    calls: int,
    errors: int = 0,
    *,
    operation: str = "checkout",
    start: float = 1.0,
    score: float | None = 70.0,
    alert: str = "",
) -> str:
    """Return the metrics of a service with one operation; half of its calls take up to 100 ms."""
    labels = f'component="shop",operation="{operation}"'
    lines = [
        "# TYPE operation_duration_seconds histogram",
        f'operation_duration_seconds_bucket{{{labels},le="0.1"}} {calls // 2}',
        f'operation_duration_seconds_bucket{{{labels},le="0.2"}} {calls}',
        f'operation_duration_seconds_bucket{{{labels},le="+Inf"}} {calls}',
        f"operation_duration_seconds_count{{{labels}}} {calls}",
        f"operation_duration_seconds_sum{{{labels}}} {calls * 0.1}",
        "# TYPE operation_errors_total counter",
        f'operation_errors_total{{{labels},error_type="ValueError"}} {errors}',
        "# TYPE operation_cancellations_total counter",
        f"operation_cancellations_total{{{labels}}} 3",
        "# TYPE operation_in_progress gauge",
        f"operation_in_progress{{{labels}}} 2",
        "# TYPE operation_oldest_in_progress_seconds gauge",
        f"operation_oldest_in_progress_seconds{{{labels}}} 75.0",
        "# TYPE process_start_time_seconds gauge",
        f"process_start_time_seconds {start}",
        "# TYPE vitalspan_build_info gauge",
        'vitalspan_build_info{version="1"} 1',
    ]
    if score is not None:
        lines += [
            "# TYPE health_score gauge",
            f"health_score {score}",
            "# TYPE health_status gauge",
            *(
                f'health_status{{health_status="{one}"}} {int(one == "degraded")}'
                for one in ("healthy", "degraded", "unhealthy", "critical", "no_data")
            ),
            "# TYPE health_factor_points_lost gauge",
            'health_factor_points_lost{factor="latency"} 10',
            f'health_factor_points_lost{{factor="errors"}} {90 - score}',
            'health_factor_points_lost{factor="memory"} 0',
        ]
    if alert:
        lines += [
            "# TYPE alert_state gauge",
            f'alert_state{{alertname="{alert}",severity="critical",component="shop"}} 2',
            'alert_state{alertname="Slow",severity="warning"} 1',
            'alert_state{alertname="Calm",severity="warning"} 0',
        ]
    return "\n".join(lines) + "\n"


def reading(text: str, time: float = 0.0, metric_prefix: str = "") -> Reading:
    """Return the parsed exposition."""
    return read_metrics(parse_metrics(text), time, metric_prefix)


def state(name: str, before: str, after: str, seconds: float = 10.0) -> InstanceState:
    """Return an instance that was scraped twice."""
    latest = reading(after, seconds)
    figures = figures_of(reading(before), latest, name)
    return InstanceState(name, None, latest.health, tuple(latest.alerts), tuple(figures))


def lines_of(
    *instances: InstanceState, view: View | None = None, height: int | None = 24
) -> list[str]:
    """Return the lines of a screen of 80 columns."""
    snapshot, shown = Snapshot(MORNING, instances), view or View()
    shown.show(snapshot.figures(apart=shown.apart))
    console = Console(file=io.StringIO(), width=80, height=24, color_system=None)
    console.print(screen(snapshot, shown, height), end="")
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]
