from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.registry import Collector

import vitalspan as vs
from support.application_clients import Answer, Ask, asgi_ask, wsgi_ask
from support.watched import Watched
from vitalspan.health.result import Health
from vitalspan.serve.messages import Request
from vitalspan.serve.routes import respond

PATHS = ("/-/live", "/-/ready", "/health")


def http_ask(registry: Collector) -> Ask:
    def ask(method: str = "GET", path: str = "/", query: str = "", **headers: str) -> Answer:
        response = respond(Request(method, path, query), registry, any_path=False)
        return response.status, dict(response.headers), response.body

    return ask


@pytest.fixture(params=[http_ask, wsgi_ask, asgi_ask])
def door(request: pytest.FixtureRequest) -> Callable[[Collector], Ask]:
    made: Callable[[Collector], Ask] = request.param
    return made


def looked(registry: Collector) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of `/health`."""
    status, _, body = http_ask(registry)(path="/health")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return status, json.loads(body, parse_constant=refuse)


def assessed(score: float | None = 50.0, **fields: Any) -> Health:
    return replace(Health(score, "fair", failing=False, model="own", at=5.0), **fields)


def monitor_with(
    health: Health | None, registry: CollectorRegistry, prefix: str = ""
) -> vs.Monitor:
    """A monitor whose last assessment is this one."""
    monitor = vs.Monitor(registry=registry, system_metrics=False, metric_prefix=prefix)
    if health is not None:
        monitor.evaluation.assessor.latest = health
    return monitor


# --- alive


def test_alive(door: Callable[[Collector], Ask]) -> None:
    status, headers, body = door(CollectorRegistry())(path="/-/live")
    assert (status, body) == (200, b"vitalspan is alive\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


def test_alive_whatever_the_state() -> None:
    watched = Watched()
    watched.monitor.set_ready(False)
    watched.monitor.evaluation.assessor.latest = assessed(0.0, failing=True)
    assert http_ask(watched.registry)(path="/-/live")[0] == 200


# --- ready


def test_ready_until_told(door: Callable[[Collector], Ask]) -> None:
    registry = CollectorRegistry()
    ask = door(registry)
    assert ask(path="/-/ready")[0] == 200
    monitor = vs.Monitor(registry=registry)
    assert monitor.not_ready is None
    assert ask(path="/-/ready")[::2] == (200, b"ready\n")
    monitor.set_ready(False, "the index is being read")
    assert monitor.not_ready == "the index is being read"
    status, headers, body = ask(path="/-/ready")
    assert (status, body) == (503, b"not ready: the index is being read\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    monitor.set_ready(True, "it was")
    assert monitor.not_ready is None
    assert ask(path="/-/ready")[0] == 200


def test_readiness_needs_nothing_that_looks_back() -> None:
    registry = CollectorRegistry()
    monitor = vs.Monitor(registry=registry)
    monitor.set_ready(False)
    assert http_ask(registry)(path="/-/ready")[::2] == (503, b"not ready: no reason was given\n")
    assert http_ask(registry)(path="/health")[0] == 200
    assert monitor.evaluation_if_made is None


def test_readiness_is_not_about_the_score() -> None:
    registry = CollectorRegistry()
    monitor_with(assessed(0.0, failing=True), registry)
    assert http_ask(registry)(path="/-/ready")[0] == 200


def test_every_monitor_has_a_say() -> None:
    registry = CollectorRegistry()
    first, second = (monitor_with(None, registry, prefix) for prefix in ("a_", "b_"))
    elsewhere = vs.Monitor(registry=CollectorRegistry())
    elsewhere.set_ready(False, "another registry's")
    assert http_ask(registry)(path="/-/ready")[0] == 200
    first.set_ready(False, "one")
    second.set_ready(False, "two")
    _, _, body = http_ask(registry)(path="/-/ready")
    assert sorted(body.splitlines()) == [b"not ready: one", b"not ready: two"]
    first.set_ready(True)
    assert http_ask(registry)(path="/-/ready")[::2] == (503, b"not ready: two\n")
    second.close()
    assert http_ask(registry)(path="/-/ready")[0] == 200


@pytest.mark.parametrize("reason", ["\ud800", "<script>", "x" * 100_000, "ü"])
def test_any_reason_can_be_said(reason: str) -> None:
    registry = CollectorRegistry()
    monitor = vs.Monitor(registry=registry)
    monitor.set_ready(False, reason)
    status, headers, body = http_ask(registry)(path="/-/ready")
    assert (status, headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert len(body) < 1000
    assert body.decode().startswith("not ready: ")


# --- health


def test_without_a_monitor_nothing_is_known(door: Callable[[Collector], Ask]) -> None:
    status, headers, body = door(CollectorRegistry())(path="/health")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    said = json.loads(body)
    assert (said["status"], said["score"], said["failing"]) == ("no_data", None, False)
    assert (said["at"], said["age_seconds"]) == (None, None)
    assert said["graph"] == {"nodes": [], "edges": []}


def test_before_the_first_tick_nothing_is_known() -> None:
    watched = Watched()
    status, said = looked(watched.registry)
    assert (status, said["status"], said["age_seconds"]) == (200, "no_data", None)
    assert watched.monitor.evaluation.ticks == 0


def test_a_sick_service() -> None:
    watched = Watched()
    watched.call("pay", component="payments", times=50)
    watched.tick()
    status, said = looked(watched.registry)
    assert (status, said["failing"]) == (200, False)
    watched.call("pay", component="payments", seconds=30.0, times=500, error=OSError())
    watched.tick(2)
    health = watched.monitor.health.latest
    assert health is not None
    assert health.failing
    status, said = looked(watched.registry)
    assert (status, said["failing"], said["status"]) == (503, True, health.status)
    assert said.pop("graph") == json.loads(json.dumps(health.graph()))
    assert said.pop("age_seconds") == 0.0
    assert said == json.loads(json.dumps(health.to_dict()))
    assert "payments" in [one["component"] for one in said["components"]]


def test_the_threshold_can_be_set(tmp_path: Path) -> None:
    answers = {}
    for limit in (1, 100):
        rules = tmp_path / f"{limit}.yml"
        rules.write_text(f"health: {{fail_below: {limit}}}\n")
        watched = Watched(rules=str(rules))
        watched.call(times=50)
        watched.call(times=4, error=OSError())
        watched.tick(2)
        status, said = looked(watched.registry)
        assert 1 < said["score"] < 100
        answers[limit] = status
    assert answers == {1: 200, 100: 503}


def test_nothing_ticks_for_a_probe() -> None:
    watched = Watched()
    watched.call(times=50)
    watched.tick()
    before = watched.monitor.health.latest
    watched.clock.advance(1000.0)
    for _ in range(3):
        looked(watched.registry)
    assert watched.monitor.health.latest is before
    assert watched.monitor.evaluation.ticks == 1


def test_a_ticker_that_stands_still_is_seen() -> None:
    watched = Watched()
    watched.call(times=50)
    watched.tick()
    at = watched.clock.wall()
    watched.clock.advance(90.0)
    _, said = looked(watched.registry)
    assert said["at"] == pytest.approx(at)
    assert said["age_seconds"] == 90.0
    watched.clock.step_wall(-3600.0)
    assert looked(watched.registry)[1]["age_seconds"] == 0.0


@pytest.mark.parametrize(
    ("healths", "chosen"),
    [
        ((assessed(90.0), assessed(30.0)), 30.0),
        ((assessed(30.0), assessed(90.0)), 30.0),
        ((assessed(30.0), assessed(90.0, failing=True)), 90.0),
        ((assessed(None), assessed(90.0)), 90.0),
        ((assessed(0.0), assessed(None)), 0.0),
        ((None, assessed(60.0)), 60.0),
        ((None, assessed(None)), None),
    ],
)
def test_the_worst_of_several_monitors(
    healths: tuple[Health | None, Health | None], chosen: float | None
) -> None:
    registry = CollectorRegistry()
    kept = [monitor_with(health, registry, f"m{number}_") for number, health in enumerate(healths)]
    status, said = looked(registry)
    assert said["score"] == chosen
    assert status == (503 if said["failing"] else 200)
    for monitor in kept:
        monitor.close()
    assert looked(registry)[1]["score"] is None


def test_json_has_no_infinities_and_names_are_escaped() -> None:
    watched = Watched()
    watched.call(times=50)
    watched.tick()
    health = watched.monitor.health.latest
    assert health is not None
    factor = replace(
        health.factors[0],
        factor='</script>"\n\ud800',
        value=math.inf,
        samples=math.nan,
        full=-math.inf,
        weight=50.0,
        reason="ü",
    )
    registry = CollectorRegistry()
    monitor_with(assessed(factors=(factor,)), registry)
    status, said = looked(registry)
    (found,) = said["factors"]
    assert status == 200
    assert (found["value"], found["samples"], found["full"]) == (None, None, None)
    assert (found["factor"], found["weight"]) == ('</script>"\n\ud800', 50.0)
    _, headers, body = http_ask(registry)(path="/health")
    assert body.isascii()
    assert headers["Content-Length"] == str(len(body))


# --- over every door


@pytest.mark.parametrize("path", PATHS)
def test_head_says_what_get_would(door: Callable[[Collector], Ask], path: str) -> None:
    ask = door(CollectorRegistry())
    status, headers, body = ask("HEAD", path)
    assert (status, body) == (200, b"")
    assert headers == ask(path=path)[1]
    assert headers["Cache-Control"] == "no-store"
    assert "Etag" not in {name.title() for name in headers}
    assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize("path", PATHS)
def test_a_query_changes_nothing(door: Callable[[Collector], Ask], path: str) -> None:
    ask = door(CollectorRegistry())
    assert ask(path=path, query="name[]=x&verbose=1") == ask(path=path)


@pytest.mark.parametrize("path", PATHS)
def test_other_methods(door: Callable[[Collector], Ask], path: str) -> None:
    ask = door(CollectorRegistry())
    assert ask("POST", path)[0] == 405
    assert ask("OPTIONS", path)[::2] == (204, b"")


@pytest.mark.parametrize("mounted", ["/metrics", "", "/a/b"])
@pytest.mark.parametrize("app", [wsgi_ask, asgi_ask])
def test_mounted_apps_have_them_below(app: Callable[[Collector], Ask], mounted: str) -> None:
    ask = app(CollectorRegistry())
    bodies = [ask(path=mounted + path)[2] for path in PATHS]
    assert bodies[:2] == [b"vitalspan is alive\n", b"ready\n"]
    assert json.loads(bodies[2])["status"] == "no_data"
    assert ask(path=f"{mounted}/-/ready/")[2] == bodies[1]
    for other in ("/healthy", "/live", "/unhealth", "/-/live/x"):
        assert ask(path=mounted + other)[1]["Content-Type"].startswith("text/plain; version=")


@pytest.mark.parametrize("path", PATHS)
def test_a_slash_at_the_end_changes_nothing(door: Callable[[Collector], Ask], path: str) -> None:
    ask = door(CollectorRegistry())
    assert ask(path=f"{path}/") == ask(path=path)


@pytest.mark.parametrize("path", ["/metrics/health", "/health//", "/x/-/live", "/-/", "/-/ready2"])
def test_the_server_has_them_at_these_paths_alone(path: str) -> None:
    assert http_ask(CollectorRegistry())(path=path)[0] == 404


def test_the_page_leads_to_health() -> None:
    assert b'href="health"' in http_ask(CollectorRegistry())(path="/")[2]


def test_the_default_monitor() -> None:
    assert http_ask(REGISTRY)(path="/health")[0] in {200, 503}
