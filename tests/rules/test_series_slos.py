"""SLOs whose events are counted by counters of the registry."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Counter, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from support.watched import Watched
from vitalspan.history.series_slo_counter import CountedPart, Counters, SeriesSloCounter
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.file.load import build_slo
from vitalspan.rules.model import CountedEvents, CounterSelector

REQUESTS = {"series": "http_requests_total"}
FAILED = {**REQUESTS, "where": {"code": "=~5.."}}
FINE = {**REQUESTS, "where": {"code": "!~5.."}}


class Shop:
    """A service that counts its requests by itself, and a monitor with an SLO about them."""

    def __init__(self, **fields: Any) -> None:
        self.watched = Watched(health_model="off")
        self.requests = Counter(
            "http_requests", "by code", ["code", "path"], registry=self.watched.registry
        )
        self.watched.monitor.rules.add_slo(
            **{"name": "s", "objective": "99%", "total": REQUESTS, "min_count": 1, **fields}
        )
        self.watched.tick()

    def serve(self, path: str = "/", **codes: int) -> None:
        """Count requests by code, as in `_200=5`."""
        for code, count in codes.items():
            self.requests.labels(code.removeprefix("_"), path).inc(count)
        self.watched.tick()

    def counts(self, **labels: str) -> tuple[float | None, float | None]:
        """The events and the bad ones, as they are exported."""
        sample = self.watched.sample
        return (
            sample("slo_events_total", slo="s", **labels),
            sample("slo_bad_events_total", slo="s", **labels),
        )


@pytest.mark.parametrize("judged", [{"bad": FAILED}, {"good": FINE}])
def test_events_are_what_counters_count(judged: dict[str, Any]) -> None:
    shop = Shop(**judged, where={"path": "!=/health"})
    assert shop.counts() == (0, 0)
    # The very first error of a kind is a series of its own, and counts.
    shop.serve(_200=98, _404=1, _500=1)
    shop.serve("/health", _503=70)
    assert shop.counts() == (100, 1)
    [slo] = shop.watched.monitor.rules.slos()
    assert (slo.events, slo.bad, slo.budget_remaining) == (100, 1, pytest.approx(0))
    assert shop.watched.sample("slo_objective_ratio", slo="s") == 0.99


def test_a_budget_burns_fires_and_is_calm_again() -> None:
    shop = Shop(bad=FAILED, min_count=10)
    monitor = shop.watched.monitor
    for _ in range(10):
        shop.serve(_200=100)
    assert monitor.alerts.active() == []
    for _ in range(12):
        shop.serve(_200=50, _500=50)
    firing = {one.labels["long_window"] for one in monitor.alerts.active(state="firing")}
    assert "1h" not in firing  # 50 % of a minute is not yet 14.4 % of an hour
    for _ in range(400):
        shop.serve(_200=50, _500=50)
    firing = {one.labels["long_window"] for one in monitor.alerts.active(state="firing")}
    assert {"1h"} <= firing
    for _ in range(62):
        shop.serve(_200=100)
    firing = {one.labels["long_window"] for one in monitor.alerts.active(state="firing")}
    assert "1h" not in firing


def test_each_label_has_a_budget_of_its_own() -> None:
    shop = Shop(bad=FAILED, by=["path"])
    shop.serve("/pay", _500=20)
    shop.serve("/", _200=20)
    assert shop.counts(path="/pay") == (20, 20)
    assert shop.counts(path="/") == (20, 0)
    assert [(one.labels, one.bad) for one in shop.watched.monitor.rules.slos()] == [
        ({"path": "/pay"}, 20),
        ({"path": "/"}, 0),
    ]
    for _ in range(120):
        shop.serve("/pay", _500=20)
    firing = shop.watched.monitor.alerts.active(state="firing")
    assert {one.labels["path"] for one in firing} == {"/pay"}


def test_what_was_counted_before_does_not_count() -> None:
    watched = Watched()
    requests = Counter("http_requests", "by code", ["code"], registry=watched.registry)
    requests.labels("500").inc(1000)
    watched.monitor.rules.add_slo(name="s", objective=0.9, bad=FAILED, total=REQUESTS)
    watched.tick()
    requests.labels("200").inc(5)
    watched.tick()
    [slo] = watched.monitor.rules.slos()
    assert (slo.events, slo.bad) == (5, 0)
    # A fork begins anew: what it inherited is of its parent.
    watched.monitor.reset()
    watched.tick()
    requests.labels("500").inc()
    watched.tick()
    [slo] = watched.monitor.rules.slos()
    assert (slo.events, slo.bad) == (1, 1)
    # What it is about stays, so its counts do; with another total they begin anew.
    watched.monitor.rules.add_slo(name="s", objective=0.99, bad=FAILED, total=REQUESTS)
    assert watched.monitor.rules.slos()[0].events == 1
    watched.monitor.rules.add_slo(name="s", objective=0.99, bad=FAILED, total=FINE)
    assert watched.monitor.rules.slos()[0].events == 0
    # Once no SLO asks for it, the metric is no longer read.
    assert watched.monitor.rules.remove("s")
    assert watched.monitor.evaluation.history.metrics.also_read == frozenset()


def test_a_good_counter_that_does_not_exist_makes_nothing_bad() -> None:
    shop = Shop(good={"series": "http_ok_total"})
    shop.serve(_200=100)
    assert shop.counts() == (0, 0)
    fine = Counter("http_ok", "by path", ["path"], registry=shop.watched.registry)
    # From here on it exists, even while it has counted nothing.
    shop.watched.tick()
    shop.serve(_200=100)
    assert shop.counts() == (100, 100)
    fine.labels("/").inc(50)
    shop.serve(_200=100)
    assert shop.counts() == (200, 150)


def test_a_counter_of_bad_events_may_come_with_the_first_of_them() -> None:
    shop = Shop(bad={"series": "http_errors_total"})
    shop.serve(_200=10)
    errors = Counter("http_errors", "all", registry=shop.watched.registry)
    shop.serve(_200=10)
    errors.inc()
    shop.serve(_200=10)
    assert shop.counts() == (30, 1)


def test_latency_is_judged_by_the_buckets_of_a_histogram() -> None:
    watched = Watched()
    took = Histogram("http_seconds", "all", registry=watched.registry, buckets=[0.3, 1])
    for name, limit in (("quick", "0.3"), ("fine", "1")):
        watched.monitor.rules.add_slo(
            name=name,
            objective=0.9,
            good={"series": "http_seconds_bucket", "where": {"le": limit}},
            total={"series": "http_seconds_count"},
        )
    watched.tick()
    for seconds in (0.1, 0.3, 0.9, 5.0):
        took.observe(seconds)
    watched.tick()
    assert {one.name: (one.events, one.bad) for one in watched.monitor.rules.slos()} == {
        "quick": (4, 2),
        "fine": (4, 1),
    }


def test_metrics_of_the_monitor_itself_can_be_asked_for() -> None:
    watched = Watched()
    series = "cache_requests_total"
    watched.monitor.rules.add_slo(
        name="hits",
        objective=0.9,
        good={"series": series, "where": {"result": "hit"}},
        total={"series": series},
    )
    cache = watched.monitor.cache("pages")
    watched.tick()
    for _ in range(9):
        cache.hit()
    cache.miss()
    watched.tick()
    [slo] = watched.monitor.rules.slos()
    assert (slo.events, slo.bad) == (10, 1)


class Proxy(Collector):
    """Exports counters of another process, which may be away or begin anew."""

    def __init__(self) -> None:
        self.values: dict[str, float] | None = {}

    def collect(self) -> Iterator[CounterMetricFamily]:
        if self.values is None:
            raise OSError("away")
        family = CounterMetricFamily("http_requests", "by code", labels=["code"])
        for code, value in self.values.items():
            family.add_metric([code], value)
        yield family


def test_counters_of_another_process_may_fall_and_be_away() -> None:
    watched = Watched()
    proxy = Proxy()
    watched.registry.register(proxy)
    watched.monitor.rules.add_slo(name="s", objective=0.9, bad=FAILED, total=REQUESTS)

    def stand(values: dict[str, float] | None) -> tuple[float, float]:
        proxy.values = values
        watched.tick()
        [slo] = watched.monitor.rules.slos()
        return slo.events, slo.bad

    assert stand({"200": 1000, "500": 100}) == (0, 0)
    assert stand({"200": 1010, "500": 101}) == (11, 1)
    assert stand(None) == (11, 1)
    assert stand({"200": 1020, "500": 101}) == (21, 1)
    # It was started again, and has counted so much since.
    assert stand({"200": 7, "500": 2}) == (30, 3)
    assert stand({"200": math.nan, "500": 2}) == (30, 3)
    assert stand({"200": 8, "500": 2}) == (31, 3)


def test_series_have_an_upper_limit(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitalspan.history.series_slo_counter.MAX_SERIES", 3)
    shop = Shop(bad=FAILED)
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            shop.serve(f"/{number}", _200=1)
        shop.serve("/0", _200=1)
    assert shop.counts() == (4, 0)
    assert [record.message for record in caplog.records] == [
        "the metric http_requests_total has more than 3 series, and SLOs ignore the others"
    ]
    # Those that have gone make room.
    shop.requests.clear()
    shop.serve("/new", _200=2, _500=1)
    assert shop.counts() == (7, 1)


steps = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20)


@given(steps, st.booleans())
def test_bad_events_never_fall_and_are_never_more_than_all(
    grown: list[tuple[int, int]], good: bool
) -> None:
    """Whichever of two counters is counted first."""
    part = CountedPart()
    before = 0.0
    for events, judged in grown:
        part.add(events, judged, judged_are_good=good)
        assert before <= part.bad <= part.events
        before = part.bad
    events, judged = (sum(each) for each in zip((0, 0), *grown, strict=True))
    assert part.events == events
    if not good and all(b <= a for a, b in grown):
        assert part.bad == judged


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)), max_size=12))
@settings(max_examples=50)
def test_growth_is_what_the_counters_have_grown(ticks: list[dict[str, int]]) -> None:
    def anything(labels: object) -> bool:
        return True

    counter = SeriesSloCounter(
        Counters("x_total", anything),
        Counters("x_total", anything),
        0.9,
        judged_are_good=True,
        by=("code",),
    )
    stands: dict[str, int] = {}
    counter.read({"x_total": []}, lambda _: True)
    for grown in ticks:
        for code, count in grown.items():
            stands[code] = stands.get(code, 0) + count
        samples = [({"code": code}, float(value)) for code, value in stands.items()]
        counter.read({"x_total": samples}, lambda _: True)
    assert {labels["code"]: part.events for labels, part in counter.series()} == stands
    assert all(part.bad == 0 for _, part in counter.series())


def test_buckets_are_found_as_they_are_exported() -> None:
    slo = build_slo(
        {
            "name": "s",
            "objective": 0.9,
            "good": {"series": "a_bucket", "where": {"le": 1, "path": "/"}},
            "total": {"series": "a_count", "where": {"le": "=~1"}},
        }
    )
    assert slo.counted == CountedEvents(
        CounterSelector("a_count", (Matcher("le", "=~", "1"),)),
        CounterSelector("a_bucket", (Matcher("le", "=", "1.0"), Matcher("path", "=", "/"))),
        judged_are_good=True,
    )
