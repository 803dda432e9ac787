"""Starts of a service, deploys of another version, and moments that a program marks."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.page_clients import ask
from support.watched import Watched
from vitalspan.marks import MOST

DAY = 86400.0


def run(store: str, wall: float, marks: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Run a service for a minute, and return what its charts would mark of the past two days."""
    clock = vs.ManualClock(wall=wall)
    monitor = vs.Monitor(
        registry=CollectorRegistry(), system_metrics=False, clock=clock, store=store
    )
    monitor.tick()
    for text in marks:
        clock.advance(10)
        monitor.mark(text)
    clock.advance(60)
    monitor.tick()
    found = [one[1:] for one in monitor.marks.between(clock.wall() - 2 * DAY, clock.wall())]
    monitor.close()
    return found


def test_the_store_keeps_starts_deploys_and_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, wall = f"sqlite:///{tmp_path}/history.db", 1_700_000_000.0
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=1.4")
    first = [("start", "The service started, version 1.4"), ("mark", "flag on")]
    assert run(store, wall, ("flag on",)) == first
    again = ("restart", "The service started again, version 1.4")
    assert run(store, wall + 600) == [*first, again]
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=1.5")
    deploy = ("deploy", "Version 1.5, after 1.4")
    assert run(store, wall + 1200) == [*first, again, deploy]
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES")
    assert run(store, wall + 2 * DAY + 610)[0] == deploy
    assert run(store, wall + 9 * DAY) == [("restart", "The service started again")]


def test_a_store_that_cannot_be_read_is_no_harm(tmp_path: Path) -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(
        registry=CollectorRegistry(), system_metrics=False, clock=clock, store="sqlite:////no/where"
    )
    monitor.tick()
    assert [one.kind for one in monitor.marks.between(0, clock.wall())] == ["start"]
    monitor.close()


def test_marks_are_bounded_and_texts_are_cut() -> None:
    shop = Watched()
    for number in range(MOST + 50):
        shop.clock.advance(1)
        shop.monitor.mark(f"{number} " + "x" * 1000)
    found = shop.monitor.marks.between(0, shop.clock.wall())
    assert len(found) == MOST
    assert found[-1].text.startswith("249 ")
    assert len(found[-1].text) == 256
    for wrong in ("", "  ", 3):
        with pytest.raises(vs.ConfigurationError, match="what happened"):
            shop.monitor.mark(wrong)  # type: ignore[arg-type]


def test_views_show_them() -> None:
    shop = Watched()
    shop.call("checkout")
    shop.tick(5)
    shop.monitor.mark("flag on")
    shop.tick(5)
    for name, more in (
        ("overview", {}),
        ("operation", {"operation": "checkout"}),
        ("resources", {}),
    ):
        marks = ask(shop.registry, name, **more)["marks"]
        assert [(one["kind"], one["text"]) for one in marks] == [
            ("start", "The service started"),
            ("mark", "flag on"),
        ]
