"""The JSON API: documents that are as the OpenAPI document says, whatever is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import promql_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from prometheus_client import CollectorRegistry

from support.page_clients import ask, checked
from support.paths import ROOT
from support.watched import Watched
from vitalspan.page.api import answer
from vitalspan.page.endpoints import ENDPOINTS
from vitalspan.page.openapi import openapi, openapi_text
from vitalspan.page.parameters import MAX_TEXT

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "javascript:alert(1)",
    "line\nbreak\ttab\x00null\x1b[31m",
    "\ud800 half a pair",
    "\u202egnp.exe",
    "a" * 2000,
    "{{ $value }} ${7*7} %s {0}",
    "../../etc/passwd",
    "",
)


@pytest.fixture(autouse=True)
def answers_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine, an answer would be given again for more than one tick."""
    monkeypatch.setattr("vitalspan.page.api.time", SimpleNamespace(thread_time=lambda: 0.0))


@pytest.fixture(scope="module")
def shop() -> Watched:
    """A service in which much has happened, with names that are hostile text."""
    watched = Watched(health_model="service")
    watched.monitor.rules.add(
        alert="Failing",
        signal="error_ratio",
        above={"warning": "1%", "critical": "50%"},
        window="1m",
        by=["operation"],
    )
    watched.monitor.rules.add(
        alert="Idle", signal="rate", below={"info": "0.001"}, window="1m", no_data="alert"
    )
    watched.monitor.rules.add_slo(name="checkouts", objective="99%", under="300ms")
    watched.monitor.rules.add_component("payments", depends_on=["bank"], critical=True)
    for _ in range(30):
        watched.call("checkout", 0.2, times=3, component="payments", labels={"tier": "gold"})
        watched.call("checkout", 0.4, error=ValueError("<b>no</b>"), component="payments", slow=0.1)
        watched.call("idle")
        watched.monitor.cache("pages", component="payments").hit()
        watched.monitor.api("bank").record(cost=0.1, tokens=3, model="large", duration=2.0)
        watched.tick()
    for text in HOSTILE:
        watched.call(
            text, 0.1, component=text, labels={"tier": text}, error=ValueError(text), slow=0.01
        )
    watched.tick(2)
    watched.monitor.alerts.silence({"alertname": '=~"?Fail.+'}, 3600, "<i>later</i>")
    return watched


@pytest.mark.parametrize(
    "name",
    [name for name, one in ENDPOINTS.items() if not any(it.required for it in one.parameters)],
)
def test_each_document_is_as_its_schema_says(shop: Watched, name: str) -> None:
    document = ask(shop.registry, name)
    assert "error" not in document


def test_the_first_screen(shop: Watched) -> None:
    document = ask(shop.registry, "overview", range=300)
    names = [document["operations"][place]["figures"]["operation"] for place in document["busiest"]]
    assert names[0] == "checkout"
    assert document["axis"]["step"] == 10.0
    times = document["axis"]["times"]
    lengths = {len(values) for values in document["points"].values()}
    assert lengths == {len(document["scores"]), len(times)}
    assert {alert["alertname"] for alert in document["alerts"]} >= {"Failing"}
    [payments] = [one for one in document["health"]["components"] if one["component"] == "payments"]
    assert payments["depends_on"] == ["bank"]
    assert any(mark["kind"] == "fired" for mark in document["marks"])
    assert 'rate(operation_duration_seconds_count{operation!=""' not in document["promql"]["rate"]


@pytest.mark.parametrize("text", [one for one in HOSTILE if one.isprintable() and one])
def test_hostile_names_come_back_as_they_are(shop: Watched, text: str) -> None:
    text = text[:MAX_TEXT]
    document = ask(shop.registry, "operation", operation=text)
    calls = document["recent"]
    assert all(call["operation"] == text for call in calls)
    if len(text) < MAX_TEXT:
        assert document["figures"]["count"] == len(calls) == 1
        assert document["figures"]["errors_by_type"][0]["last_message"] in text


def test_operations_are_found_and_sorted(shop: Watched) -> None:
    document = ask(shop.registry, "operations", search="PAYMENTS check", sort="count", limit=1)
    assert document["total"] == 1
    every = ask(shop.registry, "operations", sort="error_rate")["operations"]
    rates = [one["figures"]["error_rate"] or 0 for one in every]
    assert rates == sorted(rates, reverse=True)


def test_one_operation(shop: Watched) -> None:
    document = ask(
        shop.registry, "operation", operation="checkout", component="payments", range=300, step=20
    )
    assert document["axis"]["step"] == 20
    assert sum(map(sum, document["durations"]["counts"])) == document["figures"]["count"] == 120
    assert document["recent"][0]["operation"] == "checkout"
    assert document["slow"][0]["error_message"] == "<b>no</b>"
    assert 'operation="checkout"' in document["promql"]["p95"]


def test_rules_say_how_near_they_are(shop: Watched) -> None:
    document = ask(shop.registry, "rules")
    [failing] = [one for one in document["rules"] if one["alert"] == "Failing"]
    nearest = failing["values"][0]
    assert nearest["nearness"] == pytest.approx(nearest["value"] / 0.01)
    assert failing["state"] == "firing"
    assert failing["unit"] == "ratio"
    assert [one["severity"] for one in failing["thresholds"]] == ["warning", "critical"]
    [slo] = document["slos"]
    assert slo["statuses"][0]["events"] > 0


@pytest.mark.parametrize(
    ("name", "query", "error"),
    [
        ("overview", "range=0", "range='0': use a number from 1 to 2678400"),
        ("overview", "range=nan", "range='nan': use a number"),
        ("overview", "range=60&range=61", "range: give it once"),
        ("overview", "rnage=60", "did you mean range?"),
        ("status", "x=1", "this path takes none"),
        ("operations", "sort=name", "use total, count"),
        ("operations", "limit=1.5", "limit='1.5': use a whole number from 1 to 1000"),
        ("operation", "", "operation: this parameter is needed"),
        ("operation", "operation=" + "x" * 1025, "operation: use at most 1024 characters"),
        ("overview", "a=" + "x" * 5000, "use at most 4096 characters"),
        ("overview", "a=1&" * 40, "use at most 32 fields"),
        ("overview", "range=%ff", "in UTF-8"),
    ],
)
def test_a_mistake_is_one_sentence(shop: Watched, name: str, query: str, error: str) -> None:
    made = answer(name, query, shop.registry)
    assert made.status == 400
    assert error in checked(name, made)["error"]


def test_other_paths_are_not_found(shop: Watched) -> None:
    made = answer("operatoins", "", shop.registry)
    assert (made.status, b"did you mean operations?" in made.body) == (404, True)


def test_without_a_monitor_there_is_nothing_to_show() -> None:
    assert answer("overview", "", CollectorRegistry()).status == 503


@settings(max_examples=40)
@given(
    name=st.sampled_from(sorted(ENDPOINTS)),
    query=st.one_of(
        st.text(max_size=60),
        st.lists(
            st.tuples(
                st.sampled_from(["range", "step", "limit", "operation", "component", "sort", "id"]),
                st.one_of(st.text(max_size=9), st.integers(), st.floats()).map(str),
            ),
            max_size=4,
        ).map(lambda pairs: urlencode(pairs, errors="replace")),
    ),
)
def test_whatever_is_asked_is_answered(shop: Watched, name: str, query: str) -> None:
    made = answer(name, query, shop.registry, trusted=True)
    assert made.status in (200, 400, 404)
    if made.status != 200:
        assert checked(name, made)["error"]


def test_the_same_question_is_answered_once_a_second(shop: Watched) -> None:
    first = answer("overview", "range=100", shop.registry)
    assert answer("overview", "range=100", shop.registry) is first
    shop.tick()
    later = answer("overview", "range=100", shop.registry)
    assert later.etag != first.etag


def test_the_openapi_document_is_valid_and_committed() -> None:
    validate(openapi())
    committed = (ROOT / "docs" / "openapi.json").read_text()
    assert committed == openapi_text(), "run: make artifacts"


def test_every_field_is_described() -> None:
    undescribed = [
        f"{name}.{field}"
        for name, schema in openapi()["components"]["schemas"].items()
        for field, described in schema["properties"].items()
        if not described.get("description") and name in _OURS
    ]
    assert undescribed == []


def test_a_mark_says_what_was_wrong_when_the_alert_fired() -> None:
    watched = Watched(health_model="off")
    watched.monitor.rules.add(
        alert="Slow", signal="latency_p95", where={"operation": "f"}, window="10s", above="1s"
    )
    watched.tick()
    watched.call(seconds=8.0)
    watched.tick()
    watched.call(seconds=0.1)
    watched.tick(10)
    marks = ask(watched.registry, "overview")["marks"]
    texts = [mark["text"] for mark in marks if mark["kind"] in ("fired", "resolved")]
    assert texts == ["Slow fires: latency_p95 of f is 7.746 s, above 1 s", "Slow has ended"]


def test_a_young_service_has_no_trends_and_says_so() -> None:
    watched = Watched(health_model="off")
    for _ in range(20):
        watched.call()
        watched.tick()
    signals = ask(watched.registry, "trends")["signals"]
    assert signals
    for one in signals:
        assert (one["slope"], one["direction"], one["forecast"]) == (None, None, None)
        assert one["shortfall"].startswith("Not enough data for a trend yet: ")
    for _ in range(200):
        watched.call()
        watched.tick()
    rate = next(
        one for one in ask(watched.registry, "trends")["signals"] if one["signal"] == "rate"
    )
    assert (rate["shortfall"], rate["direction"]) == (None, "steady")


_OURS: Any = {endpoint.document.__name__ for endpoint in ENDPOINTS.values()}


def test_the_promql_of_every_figure_can_be_read(shop: Watched) -> None:
    one = {"operation": {"operation": HOSTILE[1]}, "watch": {"operation": "checkout"}}
    texts: list[str] = []

    def gather(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                gather(key if "promql" not in name else name, each)
        elif isinstance(value, list):
            for each in value:
                gather(name, each)
        elif "promql" in name:
            texts.append(value)

    for name in ENDPOINTS:
        gather("", ask(shop.registry, name, **one.get(name, {})))
    assert len(texts) > 100
    for text in texts:
        promql_parser.parse(text)
