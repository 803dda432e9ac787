"""Stacks and profiles in the JSON API: what they say, as which files, and who may see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest
from jsonschema import validate

import vitalspan as vs
from profiling.test_stack_tree import code_of
from support.page_clients import ask, checked
from support.watched import Watched
from vitalspan.page.api import answer
from vitalspan.page.endpoints import ENDPOINTS
from vitalspan.page.routes import answer_path
from vitalspan.profiling.profile import Profile
from vitalspan.profiling.stack_tree import StackTree

NAMES = ("main", "<script>alert(1)</script>", "pay", "refund")


def add_profile(
    monitor: vs.Monitor,
    operation: str = "checkout",
    *,
    label: str = "<b>gold</b>",
    tree: StackTree | None = None,
) -> Profile:
    """Keep a profile that nobody took."""
    if tree is None:
        codes = [code_of(name, f"{name}.py") for name in NAMES]
        tree = StackTree()
        for seconds, inner in ((1.0, 2), (3.0, 3), (1.0, 2)):
            tree.add([(codes[0], 10), (codes[1], 20), (codes[inner], 30)], seconds)
    profile = Profile(
        id=f"{len(monitor.profiles.recent()):016x}",
        component="shop",
        operation=operation,
        labels={"tier": label},
        start=monitor.clock.wall() - 6,
        duration=6.0,
        ended=True,
        slow=1.0,
        profiled_from=1.0,
        trace_id="ab" * 16,
        span_id="cd" * 8,
        thread="worker",
        task=None,
        missed=2,
        samples=tree.samples(),
    )
    monitor.profiles._kept.append(profile)
    return profile


@pytest.fixture(scope="module")
def shop() -> Iterator[Watched]:
    watched = Watched()
    add_profile(watched.monitor)
    add_profile(watched.monitor, "refund")
    yield watched
    watched.monitor.close()


@pytest.fixture
def profile(shop: Watched) -> Profile:
    return shop.monitor.profiles.recent()[0]


def test_the_profiles_that_are_kept(shop: Watched, profile: Profile) -> None:
    document = ask(shop.registry, "profiles")
    assert [one["operation"] for one in document["profiles"]] == ["refund", "checkout"]
    assert document["enabled"] is False
    (one,) = ask(shop.registry, "profiles", operation="checkout", component="shop")["profiles"]
    assert one["id"] == profile.id
    assert (one["seconds"], one["samples"], one["missed"]) == (5.0, 3, 2)
    detail = ask(shop.registry, "operation", operation="checkout", component="shop")
    assert [one["id"] for one in detail["profiles"]] == [profile.id]


def test_one_profile(shop: Watched, profile: Profile) -> None:
    document = ask(shop.registry, "profile", id=profile.id)
    assert document["profile"]["trace_id"] == "ab" * 16
    nodes = document["nodes"]
    assert [one["function"] for one in nodes] == list(NAMES)
    assert [one["parent"] for one in nodes] == [-1, 0, 1, 1]
    assert [one["seconds"] for one in nodes] == [5, 5, 2, 3]
    assert [one["own_seconds"] for one in nodes] == [0, 0, 2, 3]
    first = document["lines"][0]
    assert (first["function"], first["lineno"], first["share"]) == ("refund", 30, 0.6)


def test_a_large_profile_is_cut_to_what_took_most_time(
    shop: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitalspan.page.documents.profiles.MOST_NODES", 3)
    shop.clock.advance(60)
    document = ask(shop.registry, "profile", id="0" * 15 + "1")
    assert [one["function"] for one in document["nodes"]] == ["main", NAMES[1], "refund"]
    assert [one["parent"] for one in document["nodes"]] == [-1, 0, 1]


def test_a_profile_that_is_not_there(shop: Watched) -> None:
    for name in ("profile", "profile.svg", "profile.collapsed", "profile.speedscope"):
        made = answer(name, "id=x", shop.registry, trusted=True)
        assert made.status == 404
        assert "only the latest profiles are kept" in checked(name, made)["error"]


def test_files(shop: Watched, profile: Profile) -> None:
    def of(kind: str) -> tuple[str, str]:
        made = answer_path(
            f"/api/v1/profile.{kind}", f"id={profile.id}", shop.registry, trusted=True
        )
        assert made.status == 200
        return made.content_type, made.body.decode()

    kind, text = of("collapsed")
    assert kind.startswith("text/plain")
    assert text.splitlines()[0].endswith("pay (pay.py:30) 2")
    kind, text = of("speedscope")
    assert kind == "application/json"
    document = json.loads(text)
    validate(document, SPEEDSCOPE)
    assert document["profiles"][0]["weights"] == [1, 3, 1]
    kind, text = of("svg")
    assert kind.startswith("image/svg+xml")
    assert "<script>" not in text
    ET.fromstring(text)


SPEEDSCOPE = {
    # What https://www.speedscope.app/file-format-schema.json asks of a file of samples.
    "type": "object",
    "required": ["$schema", "profiles", "shared"],
    "properties": {
        "shared": {
            "type": "object",
            "required": ["frames"],
            "properties": {
                "frames": {
                    "type": "array",
                    "items": {"type": "object", "required": ["name"]},
                }
            },
        },
        "profiles": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    "endValue",
                    "name",
                    "samples",
                    "startValue",
                    "type",
                    "unit",
                    "weights",
                ],
                "properties": {
                    "samples": {"type": "array", "items": {"type": "array"}},
                    "weights": {"type": "array", "items": {"type": "number"}},
                },
            },
        },
    },
}


def test_where_running_calls_are(shop: Watched) -> None:
    with shop.monitor.operation("stuck", component="shop", labels={"tier": "gold"}) as call:
        shop.clock.advance(7)
        document = ask(shop.registry, "stacks", operation="stuck")
    assert call is not None
    (shown,) = document["calls"]
    assert (shown["operation"], shown["age"], document["total"]) == ("stuck", 7, 1)
    assert shown["labels"] == {"tier": "gold"}
    assert shown["thread"] == "MainThread"
    frames = [(one["function"], one["file"]) for one in shown["frames"]]
    assert ("test_where_running_calls_are", "page/test_profiles.py") in frames
    assert not any(file.startswith("/") for _, file in frames)
    shop.clock.advance(60)
    assert ask(shop.registry, "stacks", operation="stuck") == {
        "at": shop.clock.wall(),
        "calls": [],
        "total": 0,
        "trace_url": "",
    }


PRIVATE = sorted(name for name, endpoint in ENDPOINTS.items() if endpoint.private)


@pytest.mark.parametrize("name", PRIVATE)
def test_strangers_see_them_only_if_they_may(shop: Watched, profile: Profile, name: str) -> None:
    query = f"id={profile.id}" if name.startswith("profile") else ""
    allowed = answer(name, query, shop.registry, trusted=True)
    assert allowed.status == 200
    refused = answer(name, query, shop.registry)
    assert refused.status == 403
    assert "show_stacks=True" in checked(name, refused)["error"]
    shop.monitor.configure(show_stacks=True)
    try:
        assert answer(name, query, shop.registry).status == 200
    finally:
        shop.monitor.configure(show_stacks=False)


def test_all_that_names_frames_is_private() -> None:
    assert PRIVATE == [
        "profile",
        "profile.collapsed",
        "profile.speedscope",
        "profile.svg",
        "stacks",
    ]
