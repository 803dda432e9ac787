"""Two closed sessions compared: in the JSON API, and in a browser, by keyboard and by address."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from page.test_browser import CLICKED
from support.browser import Visit, visiting
from support.page_clients import ask, checked
from vitalspan.page.api import answer
from vitalspan.serve.server import start_http_server

NAME = "<b>import</b>"


@pytest.fixture(scope="module")
def clock() -> vs.ManualClock:
    return vs.ManualClock()


@pytest.fixture(scope="module")
def shop(clock: vs.ManualClock) -> Iterator[vs.Monitor]:
    """A service with four sessions, of which the third one is slower and fails."""
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, tick_interval=0, system_metrics=False
    )
    chance = random.Random(7)
    with monitor.session("first"):
        pass
    work(monitor, clock, chance, "before", slower=1, failing=0)
    work(monitor, clock, chance, NAME, slower=1.5, failing=3)
    with monitor.session("many"):
        for number in range(150):
            with monitor.operation(f"step {number}"):
                clock.advance(1)
    yield monitor
    monitor.close()


def work(
    monitor: vs.Monitor,
    clock: vs.ManualClock,
    chance: random.Random,
    name: str,
    *,
    slower: float,
    failing: int,
) -> None:
    with monitor.session(name) as session:
        for number in range(40):
            with monitor.operation("steady", component="shop"):
                clock.advance(chance.lognormvariate(0, 0.3))
            with monitor.operation("store", component="shop"):
                clock.advance(chance.lognormvariate(0, 0.3) * slower)
            with contextlib.suppress(ValueError), monitor.operation("fetch"):
                clock.advance(chance.lognormvariate(0, 0.3))
                if number % 10 < failing:
                    raise ValueError("empty")
        with monitor.operation("rare"):
            clock.advance(0.1)
        for text in CLICKED if failing else ():
            with monitor.operation(text, component=text):
                clock.advance(0.01)
            session.count(text, 2)
        session.count("rows", 100 * slower)
    clock.advance(60)


def ids_of(shop: vs.Monitor) -> dict[str, str]:
    return {one["name"]: one["id"] for one in ask(shop.registry, "sessions")["history"]}


def compared(shop: vs.Monitor, before: str, after: str, **more: object) -> Any:
    ids = ids_of(shop)
    return ask(shop.registry, "comparison", before=ids[before], after=ids[after], **more)


def test_what_has_changed(shop: vs.Monitor) -> None:
    document = compared(shop, "before", NAME)
    assert [document[one]["name"] for one in ("before", "after")] == ["before", NAME]
    assert document["confidence"] == 0.95
    expected = shop.sessions.compare(*shop.sessions.history()[1:3])
    found = {one["operation"]: one for one in document["operations"]}
    for name in ("store", "steady", "fetch", "rare"):
        for test in ("durations", "errors"):
            of = getattr(expected.operation(name), test)
            assert found[name][test]["p_value"] == of.p_value
            assert found[name][test]["confidence"] == of.confidence
    significant = {
        name: (one["durations"]["significant"], one["errors"]["significant"])
        for name, one in found.items()
    }
    assert significant["store"] == (True, False)
    assert significant["steady"] == (False, False)
    assert significant["fetch"] == (False, True)
    mean = expected.operation("store").changes["mean"]
    assert found["store"]["changes"]["mean"]["ratio"] == mean.ratio
    assert mean.ratio is not None
    assert mean.ratio > 1.4
    # What has changed comes first.
    names = list(found)
    assert set(names[-2:]) == {"steady", "rare"}
    assert document["changed"] == len(names) - 2 == 2 + len(CLICKED)
    assert {one["figure"]: one["ratio"] for one in document["counts"]}["rows"] == 1.5


def test_a_higher_confidence_leaves_fewer_changes(shop: vs.Monitor) -> None:
    assert (
        compared(shop, "before", NAME, confidence=0.999999)["changed"]
        < (compared(shop, "before", NAME)["changed"])
    )


def test_a_comparison_is_bounded(shop: vs.Monitor) -> None:
    document = compared(shop, "first", "many")
    assert len(document["operations"]) == 100
    assert document["operations_left_out"] == 50


@pytest.mark.parametrize(
    ("parameters", "status", "text"),
    [
        ({"before": "x", "after": "y"}, HTTPStatus.NOT_FOUND, "no closed session with the id"),
        ({"before": "x"}, HTTPStatus.BAD_REQUEST, "after: this parameter is needed"),
        (
            {"before": "x", "after": "y", "confidence": "95"},
            HTTPStatus.BAD_REQUEST,
            "use a number from 0.5 to 0.999999",
        ),
    ],
)
def test_what_cannot_be_compared(
    shop: vs.Monitor, parameters: dict[str, str], status: int, text: str
) -> None:
    given = answer("comparison", urlencode(parameters), shop.registry)
    assert given.status == status
    assert text in checked("comparison", given)["error"]


def test_ids_outlive_the_process(clock: vs.ManualClock, tmp_path: Any) -> None:
    found = []
    for _ in range(2):
        monitor = vs.Monitor(
            registry=CollectorRegistry(),
            clock=clock,
            tick_interval=0,
            store=f"sqlite:///{tmp_path / 'history.db'}",
        )
        with contextlib.closing(monitor):
            if not found:
                with monitor.session("kept"):
                    clock.advance(1)
            monitor.tick()
            clock.advance(60)
            found.append(ids_of(monitor)["kept"])
    assert found[0] == found[1]


@pytest.fixture(scope="module")
def address(shop: vs.Monitor) -> Iterator[str]:
    with start_http_server(0, registry=shop.registry) as server:
        yield f"http://127.0.0.1:{server.port}/"


def link(shop: vs.Monitor) -> str:
    ids = ids_of(shop)
    return f"comparison?before={ids['before']}&after={ids[NAME]}"


@pytest.mark.once
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_the_view(browser: Any, address: str, shop: vs.Monitor, width: int, scheme: str) -> None:
    with visiting(browser, address, width=width, scheme=scheme) as visit:
        visit.show(f"sessions?before={ids_of(shop)[NAME]}")
        assert (visit.findings(), visit.overflow()) == ([], 0)
        visit.show(link(shop))
        assert (visit.findings(), visit.overflow()) == ([], 0)
        assert visit.page.evaluate("typeof hacked") == "undefined"
        assert visit.page.locator("h2").first.text_content() == NAME
        assert visit.faults == []


def row_of(visit: Visit, operation: str) -> list[str]:
    rows = visit.page.get_by_role("group", name="Operations", exact=True).locator("tbody tr")
    row = rows.filter(has=visit.page.get_by_text(operation, exact=True))
    cells: list[str] = row.locator("th, td").all_inner_texts()
    return cells


@pytest.mark.once
def test_what_the_view_says(browser: Any, address: str, shop: vs.Monitor) -> None:
    with visiting(browser, address) as visit:
        visit.show(link(shop))
        _, durations, errors, calls, mean, *_ = row_of(visit, "store")
        assert durations == "slower\nover 99.99 % sure"
        assert (errors, calls) == ("none", "40 → 40")
        assert "+" in mean
        assert row_of(visit, "steady")[1].startswith("no more than noise\nonly ")
        assert row_of(visit, "fetch")[2].startswith("fails more\n")
        assert row_of(visit, "fetch")[-1] == "0 % → 30 %"
        assert row_of(visit, "rare")[1:4] == ["too few calls", "none", "1 → 1"]
        assert row_of(visit, CLICKED[0])[1] == "new"
        visit.page.get_by_role("button", name="99.9 %").press("Enter")
        visit.page.get_by_text("a test is at least 99.9 % sure").wait_for()
        assert "confidence=0.999" in visit.page.url
        assert visit.faults == []


@pytest.mark.once
def test_two_sessions_are_chosen_by_keyboard(browser: Any, address: str, shop: vs.Monitor) -> None:
    with visiting(browser, address) as visit:
        page = visit.page
        visit.show("sessions")
        # The later one is chosen first; it is compared with the earlier one all the same.
        later = page.get_by_role("button", name=f"Compare {NAME}")
        later.press("Enter")
        page.get_by_text("Choose what to compare with").wait_for()
        chosen = page.get_by_role("button", name=f"Chosen {NAME}")
        assert chosen.get_attribute("aria-pressed") == "true"
        assert chosen.evaluate("one => one === document.activeElement")
        chosen.press("Enter")
        later.press("Enter")
        page.get_by_role("link", name="With this before").press("Enter")
        page.wait_for_selector(".heading")
        assert page.url.endswith(f"#/{link(shop)}")
        assert page.locator("nav [aria-current]").text_content() == "Sessions"
        page.go_back()
        page.get_by_role("link", name="With this first").wait_for()
        assert visit.faults == []
