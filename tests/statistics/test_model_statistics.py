"""Figures of the models of APIs: since the start, over a window, and after a restart."""

from __future__ import annotations

from pathlib import Path

import vitalspan as vs
from support.stored import service, sqlite_url
from vitalspan.recording.api import MAX_MODELS


def ask(monitor: vs.Monitor, model: str, cost: float, **amounts: object) -> None:
    monitor.api("llm", component="chat").record(model=model, cost=cost, **amounts)


def figures(monitor: vs.Monitor, **period: float) -> dict[str, tuple[float, ...]]:
    """Return the calls, errors, input and output tokens, and cost of each model."""
    (api,) = monitor.statistics(**period).apis
    return {
        one.model: (one.calls, one.errors, one.input_tokens, one.output_tokens, one.cost)
        for one in api.models
    }


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
