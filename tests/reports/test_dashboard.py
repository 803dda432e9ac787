"""The data of a dashboard: what it has, that JSON can say it, and that its page describes it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.paths import ROOT
from vitalspan.errors import ConfigurationError
from vitalspan.reports.json_ready import json_ready


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


def call(
    monitor: vs.Monitor, clock: vs.ManualClock, name: str, seconds: float, error: str = ""
) -> None:
    attributes = {"order": 7, "limit": float("inf")}
    with (
        suppress(ValueError),
        monitor.operation(name, component="till", attributes=attributes, slow=1.0),
    ):
        clock.advance(seconds)
        if error:
            raise ValueError(error)


@pytest.fixture
def busy(clock: vs.ManualClock) -> Iterator[vs.Monitor]:
    """A monitor with an hour of calls, one of which was slow and failed, and an alert."""
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock)
    monitor.rules.add(alert="Slow", signal="latency_p95", window="5m", above="2s", severity="error")
    monitor.rules.add_slo(name="sell", where={"operation": "sell"}, objective=0.99, window="1h")
    monitor.cache("prices", component="till").hit()
    monitor.tick()
    for minute in range(70):
        for _ in range(25):
            slow = minute in (40, 41)
            call(monitor, clock, "sell", 3.0 if slow else 0.1, "out of stock" if slow else "")
        call(monitor, clock, "pack", 0.5)
        monitor.api("bank", component="till").record(tokens=3, cost=0.25)
        clock.advance(60)
        monitor.tick()
    yield monitor
    monitor.close()


def test_it_has_the_figures_of_the_monitor(busy: vs.Monitor, clock: vs.ManualClock) -> None:
    with busy.operation("running", component="till"), busy.session("import"):
        document = busy.dashboard()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert (document["schema"], document["version"]) == ("vitalspan.dashboard", 1)
    assert document["generated_at"] == clock.wall()
    period = document["period"]
    assert period["end"] - period["start"] == pytest.approx(period["seconds"])
    assert 3600 <= period["seconds"] < 3800
    assert period["is_past"] is False
    sell = next(one for one in document["operations"] if one["operation"] == "sell")
    assert sell["count"] == sum(document["timeline"]["count"]) - sum(
        document["operation_timelines"][1]["count"]
    )
    assert sell["errors"] == 50
    assert sell["errors_by_type"][0]["last_message"] == "out of stock"
    assert document["since_start"]["count"] == 70 * 26
    assert document["components"][0]["caches"][0]["name"] == "prices"
    assert [one["operation"] for one in document["running"]] == ["running"]
    assert [one["name"] for one in document["sessions"]["open"]] == ["import"]
    newest = document["recent_calls"][0]
    assert newest["operation"] == "pack"
    assert newest["attributes"] == {"order": 7, "limit": None}
    assert document["slow_calls"][0]["error_message"] == "out of stock"


def test_it_has_alerts_budgets_health_and_what_was_unusual(busy: vs.Monitor) -> None:
    document = busy.dashboard()
    past = {one["alertname"]: one["state"] for one in document["alerts"]["past"]}
    assert past["Slow"] == "resolved"
    assert document["alerts"]["summary"]["total"] == 0
    (slo,) = document["slos"]
    assert (slo["name"], slo["bad"]) == ("sell", 50)
    assert document["health"]["score"] is not None
    assert isinstance(document["recommendations"], list)
    unusual = {(one["operation"], one["signal"]) for one in document["operation_anomalies"]}
    assert unusual == {("sell", "latency_p95"), ("sell", "error_ratio")}
    signals = {one["signal"]: one for one in document["signals"]}
    assert {"rate", "latency_p99", "health_score", "memory_rss"} <= set(signals)
    assert signals["latency_p95"]["unit"] == "seconds"
    assert len(signals["rate"]["times"]) == len(document["timeline"]["end"])


def test_a_period_of_the_past_has_no_present(busy: vs.Monitor) -> None:
    document = busy.dashboard(window=600, offset=1800)
    assert document["period"]["is_past"] is True
    assert document["period"]["end"] == pytest.approx(document["generated_at"] - 1800, abs=150)
    assert document["health"] is None
    assert document["recommendations"] == document["slos"] == document["alerts"]["active"] == []
    # The alert began before this period and ended within it.
    assert "Slow" in [one["alertname"] for one in document["alerts"]["past"]]
    assert document["operations"][0]["count"] > 0
    assert busy.dashboard(window=600, offset=3000)["alerts"]["past"] == []


def test_whatever_a_user_named_is_something_that_json_has() -> None:
    value = {1: (Unspeakable(), math.nan), "s": {"a"}, "t": [True, None, 1.5], "p": Path("x")}
    assert json_ready(value) == {
        "1": ["<Unspeakable>", None],
        "s": ["a"],
        "t": [True, None, 1.5],
        "p": "x",
    }


def test_operations_are_bounded(busy: vs.Monitor) -> None:
    document = busy.dashboard(window=None, operations=1)
    assert [one["operation"] for one in document["operations"]] == ["sell"]
    assert document["operations_left_out"] == 1
    assert document["period"]["wanted"] is None


def test_an_empty_monitor_has_one_too(monitor: vs.Monitor) -> None:
    document = monitor.dashboard()
    assert document["calls"]["count"] == 0
    assert document["operations"] == document["running"] == document["signals"] == []
    with pytest.raises(ConfigurationError, match="offset"):
        monitor.dashboard(offset=-1)


def test_what_the_history_lacks_is_told(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    monitor.tick()
    clock.advance(120)
    (note,) = monitor.dashboard(window=3600)["notes"]
    assert note == "The history covers 2 minutes of the 1 hour that were asked for."


def objects(document: Any, name: str = "dashboard") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of a document with the name of the key that it is under."""
    if isinstance(document, dict):
        yield name, document
        for key, value in document.items():
            yield from objects(value, key)
    elif isinstance(document, list):
        for one in document:
            yield from objects(one, name)


ELSEWHERE = {
    *("calls", "since_start", "components", "operations", "errors_by_type", "caches", "apis"),
    *("health", "factors", "trend", "snapshots", "recommendations", "active", "past", "slos"),
    *("labels", "annotations", "attributes", "measures", "counts", "open", "slowest"),
    *("bottlenecks", "recent_calls", "slow_calls"),
}
"""Objects that other pages describe, and those whose keys are a user's."""


def test_the_page_describes_every_field(busy: vs.Monitor) -> None:
    page = (ROOT / "docs" / "reports.md").read_text()
    tables = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL))
    with busy.operation("running"), busy.session("import"):
        document = busy.dashboard()
    described = {
        name: set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", text, re.MULTILINE))))
        for name, text in tables.items()
    }
    missing = {
        f"{name}.{key}"
        for name, one in objects(document)
        if name not in ELSEWHERE
        for key in one
        if key not in described.get(name, set())
    }
    assert missing == set()
