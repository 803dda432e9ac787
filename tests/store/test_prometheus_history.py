"""What is asked of a Prometheus that has the history, and what is made of its answers."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.prometheus_api import Answer, fake_prometheus, matrix, vector
from vitalspan.cli.main import main
from vitalspan.http_client.prometheus_api import PrometheusHttp
from vitalspan.http_client.target import HttpTarget
from vitalspan.store.call_selection import CallSelection
from vitalspan.store.errors import StoreError
from vitalspan.store.frame import PLAIN_GRID
from vitalspan.store.prometheus.address import parse_address
from vitalspan.store.prometheus.client import PrometheusClient
from vitalspan.store.prometheus.durations import Bucket, classic_buckets, durations_of
from vitalspan.store.prometheus.reader import PrometheusReader

PAY = {"component": "till", "operation": "pay"}


def reader(url: str, query: str = "", **environ: str) -> PrometheusReader:
    return PrometheusReader(f"prometheus+{url}{query}", environ=environ)


def empty(path: str, parameters: dict[str, str]) -> Answer:
    """Answer as a server without series."""
    if path.endswith("values"):
        return 200, {"status": "success", "data": []}
    return matrix() if path.endswith("range") else vector()


def test_an_address_has_labels_a_tenant_and_a_token() -> None:
    address = parse_address(
        "prometheus+https://host/prom/?job=shop&org_id=team&scrape_interval=30s",
        {"VITALSPAN_HISTORY_TOKEN": "secret"},
    )
    assert [str(one) for one in address.matchers] == ['job="shop"']
    assert address.target.headers["X-Scope-OrgID"] == "team"
    assert address.target.headers["Authorization"] == "Bearer secret"
    assert address.scrape_interval == 30


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "http://host",
            "history='http://': use the URL of a Prometheus, such as 'prometheus",
        ),
        ("postgresql://host/db", "a database is given as store="),
        ("prometheus+http://", "needs http:// or https:// and a host"),
        ("prometheus+http://host?a-b=1", "'a-b' is not a label"),
        ("prometheus+http://host?scrape_interval=x", "use a duration"),
        ("prometheus+http://host?org_id=a%0Ab", "X-Scope-OrgID must be a string of one line"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_at_once(url: str, message: str) -> None:
    with pytest.raises(vs.ConfigurationError, match=r"^history") as refused:
        vs.Monitor(registry=CollectorRegistry(), history=url)
    assert message in str(refused.value)


def test_nothing_is_changed_by_an_address_that_cannot_be_used() -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), component="shop")
    with pytest.raises(vs.ConfigurationError):
        monitor.configure(history="prometheus+ftp://host", component="other")
    assert monitor.settings.component == "shop"
    monitor.close()


def test_requests_carry_credentials_and_tenant() -> None:
    with fake_prometheus(empty) as fake:
        with_user = fake.url.replace("http://", "http://me:pass%20word@")
        reader(with_user, "?org_id=team&job=shop").period(0, 60, CallSelection())
        _, parameters, headers = fake.requests[0]
        assert headers["Authorization"] == "Basic bWU6cGFzcyB3b3Jk"
        assert headers["X-Scope-OrgID"] == "team"
        assert 'job="shop"' in parameters["query"]
        reader(fake.url, VITALSPAN_HISTORY_TOKEN="t0k").period(0, 60, CallSelection())
        assert fake.requests[-1][2]["Authorization"] == "Bearer t0k"


def test_a_long_range_is_asked_about_in_parts() -> None:
    def answer(path: str, parameters: dict[str, str]) -> Answer:
        start, end, step = (float(parameters[name]) for name in ("start", "end", "step"))
        points = round((end - start) / step) + 1
        assert points <= 11_000
        return matrix(({}, [(start + step * index, 1.0) for index in range(points)]))

    with fake_prometheus(answer) as fake:
        client = PrometheusClient(parse_address(f"prometheus+{fake.url}", {}).target)
        parts = list(client.range("up", 0, 15 * 25_000, 15))
        times = [when for part in parts for series in part for when, _ in series.points]
        assert times == [15.0 * index for index in range(25_001)]
        assert len(fake.requests) == 3
        # Of many series, each part has fewer points.
        assert len(list(client.range("up", 0, 15 * 999, 15, series=2000))) == 10


def test_warnings_of_the_server_are_logged_once_and_shown(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(path: str, parameters: dict[str, str]) -> Answer:
        if path.endswith("query"):
            return vector(warnings=["store gateway 2 does not answer"])
        if "count(count" in parameters.get("query", ""):
            return matrix(({}, [(float(parameters["end"]), 1.0)]))
        return empty(path, parameters)

    with fake_prometheus(answer) as fake, caplog.at_level(logging.WARNING):
        url = f"prometheus+{fake.url}"
        clock = vs.ManualClock()
        monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, history=url)
        monitor.tick()
        notes = monitor.report(window=86400).to_dict()["notes"]
        assert "The server warns: store gateway 2 does not answer" in notes
        monitor.close()
        assert sum("gateway 2" in record.message for record in caplog.records) == 1
        assert main(["history", "summary", url]) == 0
        assert "warns: store gateway 2 does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((401, b""), "responded with 401: put a user and a password"),
        ((404, b"<html>"), "responded with 404, unlike Prometheus: check the path of the URL"),
        ((422, {"status": "error", "error": "too many samples"}), "refuses the query: too many"),
        ((503, {"status": "error", "error": "query timed out"}), "query timed out"),
        ((200, b"not json"), "does not respond as Prometheus does"),
        ((200, {"status": "success", "data": {"resultType": "scalar"}}), "as Prometheus does"),
        ((200, {"status": "success", "data": 3}), "not respond as Prometheus"),
    ],
)
def test_errors_say_what_is_wrong(answer: Answer, message: str) -> None:
    with fake_prometheus(lambda *_: answer) as fake:
        url = fake.url.replace("http://", "http://me:secret@")
        with pytest.raises(StoreError) as failed:
            reader(url).period(0, 60, CallSelection())
        assert message in str(failed.value)
        assert "secret" not in str(failed.value)


def test_a_report_goes_on_without_the_server() -> None:
    monitor = vs.Monitor(
        registry=CollectorRegistry(),
        clock=vs.ManualClock(),
        history="prometheus+http://127.0.0.1:1",
    )
    monitor.tick()
    assert "The past could not be read: http://127.0.0.1:1 cannot be reached" in (
        monitor.report(window=86400).text().replace("\n", " ")
    )
    with pytest.raises(StoreError, match="cannot be reached"):
        monitor.statistics(window=86400)
    monitor.close()


def test_an_answer_that_is_too_large_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitalspan.store.prometheus.client._MOST_BYTES", 1 << 20)
    with (
        fake_prometheus(lambda *_: (200, b" " * (2 << 20))) as fake,
        pytest.raises(StoreError, match="larger than 1 MiB: ask about a shorter period"),
    ):
        reader(fake.url).period(0, 60, CallSelection())


def test_a_server_with_native_histograms_alone() -> None:
    histogram = {"count": "10", "sum": "4", "buckets": [[0, "0.25", "0.5", "10"]]}

    def answer(path: str, parameters: dict[str, str]) -> Answer:
        query = parameters.get("query", "")
        if path.endswith("query") and "operation_duration_seconds{" in query:
            result = [{"metric": PAY, "histogram": [60, histogram]}]
            data = {"resultType": "vector", "result": result}
            return 200, {"status": "success", "data": data}
        if path.endswith("query_range"):
            return matrix(({}, [(float(parameters["start"]), 1.0)]))
        return empty(path, parameters)

    with fake_prometheus(answer) as fake:
        (sums,) = reader(fake.url, "?job=a").period(0, 60, CallSelection()).series
        assert (sums.count, sums.total) == (10, 4.0)
        assert (sums.shortest, sums.longest) == (0.25, 0.5)
        assert 0.25 < (sums.quantile(0.5) or 0) < 0.5


def test_models_are_asked_about_if_there_are_any() -> None:
    model = {"component": "advice", "api": "llm", "model": "large"}

    def answer(path: str, parameters: dict[str, str]) -> Answer:
        query = parameters.get("query", "")
        if path.endswith("query_range"):
            return matrix(({}, [(float(parameters["start"]), 1.0)]))
        if "api_model_calls_total{" in query and 'job="a"' in query:
            of_none = {**model, "model": "", "outcome": "ok"}
            return vector(({**model, "outcome": "ok"}, 2.0), (of_none, 3.0))
        if "api_duration_seconds{" in query:
            histogram = {"count": "2", "sum": "3", "buckets": [[0, "1", "2", "2"]]}
            result = [{"metric": model, "histogram": [0, histogram]}]
            return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}
        return empty(path, parameters)

    with fake_prometheus(answer) as fake:
        assert reader(fake.url, "?job=b").period(0, 60, CallSelection()).series == []
        assert not any("api_retries" in str(asked) for _, asked, _ in fake.requests)
        (sums,) = reader(fake.url, "?job=a").period(0, 60, CallSelection()).series
        assert (sums.series.kind, sums.series.labels) == ("model", model)
        assert (sums.extras["oks"], sums.extras["duration_seconds"]) == (2, 3.0)
        buckets = [n for column, n in sums.extras.items() if column.startswith("duration:")]
        assert sum(buckets) == 2
        operation = CallSelection(None, "pay")
        assert reader(fake.url, "?job=a").period(0, 60, operation).series == []


BOUNDS = (0.005, 0.1, 0.25, 1.0, 10.0, math.inf)


@given(st.lists(st.integers(0, 1000), min_size=len(BOUNDS), max_size=len(BOUNDS)))
@settings(deadline=None, max_examples=50)
def test_no_call_is_lost_between_buckets(calls: list[int]) -> None:
    below = {bound: sum(calls[: index + 1]) for index, bound in enumerate(BOUNDS)}
    found = durations_of(classic_buckets(below))
    assert found.calls == sum(found.buckets.values()) == sum(calls)
    for index, bound in enumerate(BOUNDS[:-1]):
        # A bucket of the grid at a boundary has a part on either side.
        here = sum(n for bucket, n in found.buckets.items() if PLAIN_GRID.upper(bucket) <= bound)
        there = sum(n for bucket, n in found.buckets.items() if PLAIN_GRID.middle(bucket) <= bound)
        assert here <= sum(calls[: index + 1]) + 1
        assert there >= here
    if sum(calls):
        assert found.shortest <= found.longest


def test_calls_are_spread_evenly_over_a_bucket() -> None:
    found = durations_of([Bucket(1.0, 2.0, 1000)])
    assert len(found.buckets) == 8
    half = sum(calls for bucket, calls in found.buckets.items() if PLAIN_GRID.upper(bucket) <= 1.5)
    assert half == pytest.approx(500, abs=100)


def test_an_openmetrics_export_is_refused_and_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = ["history", "export", "prometheus+http://127.0.0.1:1", "--format"]
    assert main([*command, "openmetrics"]) == 1
    assert "Prometheus has its series already" in capsys.readouterr().err
    assert main([*command, "json", "--to", str(tmp_path / "x.json")]) == 1
    assert "cannot be reached" in capsys.readouterr().err


def test_a_summary_without_calls(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_prometheus(empty) as fake:
        assert main(["history", "summary", f"prometheus+{fake.url}", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["operations"] == []
        assert main(["history", "list", f"prometheus+{fake.url}"]) == 0
        assert "no operations in the last 31 days" in capsys.readouterr().out


def test_a_server_that_is_away_is_asked_again_after_a_while() -> None:
    now = 0.0
    target = parse_address("prometheus+http://127.0.0.1:1", {}).target
    client = PrometheusClient(target, clock=lambda: now)
    with pytest.raises(StoreError, match="cannot be reached"):
        client.instant("up", 0.0)
    with fake_prometheus(empty) as fake:
        client._http = PrometheusHttp(HttpTarget("history", fake.url), 1000, "")
        with pytest.raises(StoreError, match="cannot be reached"):
            client.instant("up", 0.0)
        now = 31.0
        assert client.instant("up", 0.0) == []


def test_whoever_reads_the_history_in_memory_does_not_ask_the_server() -> None:
    with fake_prometheus(empty) as fake:
        clock = vs.ManualClock()
        url = f"prometheus+{fake.url}"
        monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, history=url)
        monitor.tick()
        with monitor.evaluation.reading_history() as history:
            assert monitor.statistics.within(history)(window=86400).count == 0
        assert fake.requests == []
        monitor.statistics(window=86400)
        assert fake.requests != []
        monitor.close()


def test_the_address_may_be_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake_prometheus(empty) as fake:
        monkeypatch.delenv("VITALSPAN_STORE", raising=False)
        monkeypatch.setenv("VITALSPAN_HISTORY", f"prometheus+{fake.url}")
        assert main(["history", "summary"]) == 0
        assert "no calls" in capsys.readouterr().out
