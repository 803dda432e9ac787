"""Figures of the models of APIs: since the start, over a window, and after a restart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.stored import service, sqlite_url
from vitalspan.recording.api import MAX_MODELS
from vitalspan.sessions.stored_sessions import session_record, stored_session
from vitalspan.statistics.call_statistics import ModelStatistics
from vitalspan.statistics.duration_statistics import DurationStatistics


def ask(monitor: vs.Monitor, model: str, cost: float, **amounts: object) -> None:
    monitor.api("llm", component="chat").record(model=model, cost=cost, **amounts)


def figures(monitor: vs.Monitor, **period: float) -> dict[str, tuple[float, ...]]:
    """Return the calls, errors, input and output tokens, and cost of each model."""
    (api,) = monitor.statistics(**period).apis
    return {
        one.model: (one.calls, one.errors, one.input_tokens, one.output_tokens, one.cost)
        for one in api.models
    }


def model_of(monitor: vs.Monitor, **period: float) -> ModelStatistics:
    """Return the figures of the only model."""
    (api,) = monitor.statistics(**period).apis
    (model,) = api.models
    return model


def near(seconds: float) -> object:
    """Return what equals every value within the width of a bucket."""
    return pytest.approx(seconds, rel=0.0445)


def test_models_are_told_apart_since_the_start_and_over_a_window(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    monitor.tick()
    ask(monitor, "small", 0.25, input_tokens=100, output_tokens=20, cached_tokens=60, retries=1)
    ask(monitor, "large", 2.0, input_tokens=10, output_tokens=500, reasoning_tokens=300)
    clock.advance(600)
    monitor.tick()
    ask(monitor, "small", 0.5, input_tokens=7, error="overloaded")
    clock.advance(5)
    monitor.tick()
    assert list(figures(monitor)) == ["large", "small"]
    assert figures(monitor)["large"] == (1, 0, 10, 500, 2.0)
    assert figures(monitor)["small"] == (2, 1, 107, 20, 0.75)
    assert figures(monitor, window=5.0) == {"small": (1, 1, 7, 0, 0.5)}
    (api,) = monitor.statistics.component("chat").apis
    large, small = api.models
    assert (large.tokens, large.reasoning_tokens) == (510, 300)
    assert (small.cached_tokens, small.retries) == (60, 1)


def test_an_api_without_models_has_none(monitor: vs.Monitor) -> None:
    monitor.api("bank").record(tokens=3, cost=0.5)
    (api,) = monitor.statistics().apis
    assert api.models == ()


def test_models_beyond_the_limit_are_counted_together(monitor: vs.Monitor) -> None:
    for number in range(MAX_MODELS + 5):
        ask(monitor, f"model-{number}", 1.0)
    every = figures(monitor)
    assert len(every) == MAX_MODELS + 1
    assert every["_overflow"][0] == 5


def test_the_store_has_them_after_a_restart(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    clock, monitor = service(url)
    monitor.tick()
    ask(monitor, "small", 0.25, input_tokens=100, output_tokens=20)
    clock.advance(5)
    monitor.tick()
    monitor.close()
    clock, monitor = service(url, wall=clock.wall() + 6 * 3600)
    monitor.tick()
    ask(monitor, "large", 2.0)
    clock.advance(5)
    monitor.tick()
    assert figures(monitor) == {"large": (1, 0, 0, 0, 2.0)}
    whole = figures(monitor, window=12 * 3600.0)
    assert whole == {"large": (1, 0, 0, 0, 2.0), "small": (1, 0, 100, 20, 0.25)}
    before = figures(monitor, window=8 * 3600.0, offset=4 * 3600.0)
    assert before == {"small": (1, 0, 100, 20, 0.25)}
    monitor.close()


def test_the_dashboard_and_a_report_have_them(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    monitor.tick()
    ask(monitor, "small", 0.25, input_tokens=100)
    clock.advance(5)
    monitor.tick()
    apis = monitor.dashboard()["calls"]["apis"]
    assert [model["model"] for model in apis[0]["models"]] == ["small"]
    assert "small" in monitor.report().text()


@given(st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=50))
def test_durations_of_a_model_are_those_that_were_measured(durations: list[float]) -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    for seconds in durations:
        ask(monitor, "large", 1.0, duration=seconds)
    ask(monitor, "large", 1.0)
    model = model_of(monitor)
    monitor.close()
    found, ordered = model.duration, sorted(durations)
    assert (model.calls, found.count) == (len(durations) + 1, len(durations))
    assert found.mean == pytest.approx(sum(durations) / len(durations))
    assert found.max == near(ordered[-1])
    for quantile, value in ((0.5, found.p50), (0.95, found.p95), (0.99, found.p99)):
        assert value == near(ordered[max(0, math.ceil(quantile * len(ordered)) - 1)])
    assert model.first_token == DurationStatistics()


def test_durations_over_a_window(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    monitor.tick()
    ask(monitor, "large", 1.0, duration=2.0, first_token=0.2)
    clock.advance(600)
    monitor.tick()
    assert model_of(monitor).duration == DurationStatistics(1, 2.0, 2.0, 2.0, 2.0, 2.0)
    for seconds in (8.0, 8.0, 32.0):
        ask(monitor, "large", 1.0, duration=seconds, first_token=seconds / 4)
    clock.advance(5)
    monitor.tick()
    latest, before = model_of(monitor, window=5.0), model_of(monitor, window=600.0, offset=5.0)
    assert (latest.duration.count, latest.duration.mean) == (3, 16.0)
    assert (latest.duration.p50, latest.duration.p95, latest.duration.max) == (
        near(8.0),
        near(32.0),
        near(32.0),
    )
    assert (latest.first_token.mean, latest.first_token.p50) == (4.0, near(2.0))
    assert before.duration == DurationStatistics(1, 2.0, 2.0, 2.0, 2.0, 2.0)
    assert model_of(monitor).duration.count == 4


def test_a_block_measures_its_duration_and_its_first_token(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    with monitor.api("llm").call(model="large") as call:
        clock.advance(0.5)
        call.first_token()
        clock.advance(2.5)
    model = model_of(monitor)
    assert (model.duration.mean, model.first_token.mean) == (3.0, 0.5)
    document = monitor.statistics().to_dict()["apis"][0]["models"][0]
    assert document["duration"] == {
        "count": 1,
        **dict.fromkeys(("mean", "max", "p50", "p95", "p99"), 3.0),
    }
    assert document["first_token"]["p95"] == 0.5


def test_a_duration_that_is_none_is_left_out(monitor: vs.Monitor) -> None:
    bad: Any = "long"
    ask(monitor, "large", 1.0, duration=bad, first_token=-1.0)
    model = model_of(monitor)
    assert model.calls == 1
    assert model.duration == model.first_token == DurationStatistics()


def test_the_store_has_durations_after_a_restart(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    clock, monitor = service(url)
    monitor.tick()
    with monitor.session("s"):
        for seconds in (1.0, 1.0, 40.0):
            ask(monitor, "large", 1.0, duration=seconds, first_token=seconds / 10)
    clock.advance(5)
    monitor.tick()
    expected = model_of(monitor)
    monitor.close()
    # The last hour is restored into memory. After a week only a coarse frame has it.
    for later, window in ((1800.0, 3600.0), (7 * 86400.0, 8 * 86400.0)):
        clock, monitor = service(url, wall=clock.wall() + later)
        monitor.tick()
        found = model_of(monitor, window=window)
        assert found == expected
        assert (found.duration.count, found.duration.mean) == (3, 14.0)
        assert (found.first_token.count, found.first_token.mean) == (3, pytest.approx(1.4))
        assert (found.duration.p50, found.duration.max) == (near(1.0), near(40.0))
        (session,) = monitor.sessions.history("s")
        assert session.calls.apis[0].models[0] == expected
        monitor.close()


def test_a_session_that_was_stored_without_durations_can_be_read(monitor: vs.Monitor) -> None:
    with monitor.session("s") as session:
        ask(monitor, "large", 1.0, duration=2.0)
    document = session_record(session.statistics()).document
    (model,) = document["calls"]["apis"][0]["models"]
    del model["duration"], model["first_token"]
    (found,) = stored_session(document).calls.apis[0].models
    assert (found.model, found.calls, found.duration) == ("large", 1, DurationStatistics())


def test_reports_have_durations(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    monitor.tick()
    ask(monitor, "large", 1.0, duration=12.5, first_token=0.75)
    clock.advance(5)
    monitor.tick()
    model = monitor.dashboard()["calls"]["apis"][0]["models"][0]
    assert (model["duration"]["mean"], model["first_token"]["p95"]) == (12.5, 0.75)
    report = monitor.report()
    for text in (report.text(), report.markdown(), report.html()):
        assert "12.5 s" in text
        assert "750 ms" in text
