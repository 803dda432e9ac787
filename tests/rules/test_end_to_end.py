"""The demo's rules, in the process and in a real Prometheus: they fire and clear together."""

from __future__ import annotations

import contextlib
import itertools
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support.alertmanager_server import run_alertmanager
from support.prometheus_server import (
    PrometheusServer,
    prometheus_binary,
    run_prometheus,
)
from support.promtool import promtool
from support.subprograms import COMMAND
from support.waiting import wait_until
from support.webhook_sink import WebhookSink, run_sink
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.demo.alerts import RULES
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import load

INTERVAL = 1
"""Seconds between two ticks, two scrapes and two evaluations."""

TOGETHER = 3
"""Intervals by which both may differ: a tick, a scrape and an evaluation each take one."""

PHASE = 12
PHASES = 8
"""From calm over every trouble to calm again."""

BURNT = "CheckoutAvailabilityBudgetBurn"
"""A minute of trouble spends little of the budget of a month, so it never fires."""

RISES = {
    "SearchSlow": "warning",
    "PaymentsFailing": "error",
    "CacheCold": "warning",
    "RestockStuck": "critical",
    "VisitorsGone": "info",
}
"""The worst that each alert comes to."""


@contextlib.contextmanager
def running_demo(webhook: str) -> Iterator[int]:
    """The demo as a user starts it; yields its port."""
    options = ["--port", "0", "--rate", "60", "--tick", str(INTERVAL)]
    options += ["--phase-seconds", str(PHASE), "--webhook", webhook]
    with subprocess.Popen([*COMMAND, "demo", *options], stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        try:
            port = None
            while port is None:
                found = re.search(r"http://127\.0\.0\.1:(\d+)/metrics", demo.stdout.readline())
                port = found and int(found.group(1))
            yield port
        finally:
            demo.terminate()
            demo.communicate(timeout=30)


def configuration(port: int, alertmanager: str, rules: Path) -> dict[str, Any]:
    return {
        "global": {
            "scrape_interval": f"{INTERVAL}s",
            "evaluation_interval": f"{INTERVAL}s",
        },
        "rule_files": [str(rules)],
        "alerting": {
            "alertmanagers": [
                {"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}
            ]
        },
        "scrape_configs": [
            {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        ],
    }


Times = dict[tuple[str, str], list[tuple[float, float | None]]]
"""By alert name and severity: each time that it fired, when it began and when it ended."""


def times(sink: WebhookSink, *, one_alert: bool) -> Times:
    """What a receiver of Alertmanager's webhook format was told.

    Args:
        sink: the receiver.
        one_alert: whether severities are those of one alert, as they are in the process.
    """
    found: Times = {}
    open_as: dict[tuple[str, str], tuple[str, str]] = {}
    for document in sink.documents():
        for alert in document["alerts"]:
            labels = alert["labels"]
            key = labels["alertname"] + labels.get("long_window", ""), labels["severity"]
            identity = (key[0], "") if one_alert else key
            before, over = open_as.get(identity), alert["status"] == "resolved"
            if before is not None and (over or before != key):
                end = moment(alert["endsAt"]) if over else moment(alert["startsAt"])
                found[before][-1] = found[before][-1][0], end
                del open_as[identity]
            if not over and identity not in open_as:
                found.setdefault(key, []).append((moment(alert["startsAt"]), None))
                open_as[identity] = key
    return found


def moment(text: str) -> float:
    whole, _, fraction = text.partition(".")
    digits = re.match(r"\d*", fraction)
    seconds = float(f"0.{digits.group()}") if digits and digits.group() else 0.0
    return datetime.fromisoformat(f"{whole[:19]}+00:00").timestamp() + seconds


def longest_gap(server: PrometheusServer) -> float:
    """The longest time between two scrapes, which is more than an interval on a busy machine."""
    [scrapes] = server.query('up{job="shop"}[10m]')
    times = [float(when) for when, _ in scrapes["values"]]
    return max(later - earlier for earlier, later in itertools.pairwise(times))


def extent(found: Times, name: str) -> tuple[float, float | None] | None:
    """From the first firing of an alert, whatever its severity, to its last end."""
    spans = [span for (known, _), listed in found.items() if known == name for span in listed]
    if not spans:
        return None
    ends = [end for _, end in spans]
    known = [end for end in ends if end is not None]
    return min(begin for begin, _ in spans), max(known) if len(known) == len(ends) else None


def table(names: list[str], ours: Times, theirs: Times) -> list[str]:
    """Both times of each alert, in seconds after the first of all."""
    origin = min(
        span[0] for found in (ours, theirs) for listed in found.values() for span in listed
    )

    def said(span: tuple[float, float | None] | None) -> str:
        if span is None:
            return f"{'never':>17}"
        end = f"{span[1] - origin:8.1f}" if span[1] is not None else f"{'fires on':>8}"
        return f"{span[0] - origin:8.1f} {end}"

    head = f"{'alert':34} {'in the process':>17}   {'in Prometheus':>17}"
    return [head] + [
        f"{name:34} {said(extent(ours, name))}   {said(extent(theirs, name))}" for name in names
    ]


@pytest.mark.once
@pytest.mark.prometheus2
@pytest.mark.timed
def test_the_process_and_prometheus_fire_and_clear_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = with_burn_rate_alerts(load(RULES))
    files = export(rules, Options(interval=INTERVAL))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert promtool("check", "rules", "--lint-fatal", tmp_path / "rules.yml") == ""
    prometheus_binary("prometheus-alertmanager")
    with (
        run_sink() as ours_sink,
        run_sink() as theirs_sink,
        run_alertmanager(
            tmp_path, theirs_sink.url, group_wait="1s", group_interval="1s"
        ) as manager,
        running_demo(f"{ours_sink.url}/hook") as port,
        run_prometheus(
            configuration(port, manager.url, tmp_path / "rules.yml"), tmp_path
        ) as server,
    ):

        def all_over() -> bool:
            found = times(ours_sink, one_alert=True), times(theirs_sink, one_alert=False)
            return all(
                (span := extent(one, name)) is not None and span[1] is not None
                for name in RISES
                for one in found
            )

        # What did not come is told with both times, below.
        with contextlib.suppress(AssertionError):
            wait_until(all_over, PHASE * (PHASES + 1))
        ours = times(ours_sink, one_alert=True)
        theirs = times(theirs_sink, one_alert=False)
        groups = server.api("rules")["groups"]
        together = TOGETHER * max(INTERVAL, longest_gap(server))
        # What is evaluated every five minutes may not have been yet.
        health = [group for group in groups if group["interval"] <= INTERVAL]
    budget = sorted({name for name, _ in [*ours, *theirs] if name.startswith(BURNT)})
    lines = table([*RISES, *budget], ours, theirs)
    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201 - a table for people
    assert {rule["health"] for group in health for rule in group["rules"]} == {"ok"}
    for name, severity in RISES.items():
        mine, other = extent(ours, name), extent(theirs, name)
        assert mine is not None
        assert other is not None
        assert abs(mine[0] - other[0]) <= together, lines
        assert mine[1] is not None
        assert other[1] is not None
        assert abs(mine[1] - other[1]) <= together, lines
        assert (name, severity) in ours
        assert (name, severity) in theirs
    assert budget == []
