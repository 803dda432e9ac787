"""What stays as it is when the page gets newer data, or another range, search or order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from page.test_profiles import add_profile
from support.browser import Visit, visiting
from vitalspan.serve.server import start_http_server

pytestmark = pytest.mark.once

OPERATION = "operation?operation=op1&component=shop"
VIEWS = (
    *("", "operations", OPERATION, "changes", "alerts", "rules", "trends", "resources"),
    *("dependencies", "sessions", "workers", "profiles", f"profile?id={0:016x}", "stacks"),
)


class UneasyClock(vs.ManualClock):
    """A clock whose time of day trembles against its steady time, as that of every machine does."""

    _trembling = cycle((0.0, 2e-6, 1e-6))

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        return super().wall() + next(self._trembling)


@pytest.fixture(scope="module")
def clock() -> UneasyClock:
    return UneasyClock()


@pytest.fixture(scope="module")
def shop(clock: UneasyClock) -> Iterator[vs.Monitor]:
    """A service with something in every view, whose clock only moves when it is told to."""
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, tick_interval=0, system_metrics=False
    )
    monitor.rules.add(
        alert="Failing", signal="error_ratio", above={"critical": "1%"}, by=["operation"]
    )
    add_profile(monitor)
    monitor.cache("crumbs").hit()
    with monitor.session("import"):
        for minute in range(20):
            sell(monitor, clock, minute % 10)
    with contextlib.ExitStack() as inside:
        inside.enter_context(monitor.session("sale"))
        for tier in ("gold", "silver"):
            inside.enter_context(monitor.operation("op1", component="shop", labels={"tier": tier}))
        yield monitor
    monitor.close()


def sell(monitor: vs.Monitor, clock: UneasyClock, more: int = 0) -> None:
    """Let a minute go by with calls of ten operations, some more than of others."""
    for number in range(10):
        for _ in range(1 + (number == more)):
            with (
                contextlib.suppress(ValueError),
                monitor.operation(f"op{number}", component="shop", slow=1e-9),
            ):
                clock.advance(0.1 + number / 100)
                if number == 3:
                    raise ValueError("empty")
    clock.advance(60 - clock.now() % 60)
    monitor.tick()


@pytest.fixture(scope="module")
def address(shop: vs.Monitor) -> Iterator[str]:
    with start_http_server(0, registry=shop.registry) as server:
        yield f"http://127.0.0.1:{server.port}/"


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    with visiting(browser, address) as it:
        yield it
        assert it.faults == []


Sell = Callable[[], None]


@pytest.fixture
def sold(shop: vs.Monitor, clock: UneasyClock, visit: Visit) -> Sell:
    """Lets a minute go by, and the page show it."""

    def sold() -> None:
        sell(shop, clock)
        visit.refresh()

    return sold


def focused(page: Any) -> str:
    text: str = page.evaluate("document.activeElement.textContent.trim()")
    return text


def set_aside(page: Any) -> None:
    """Remember which elements there are."""
    page.evaluate("document.querySelectorAll('main *').forEach(one => (one.isOld = true))")


def newer(page: Any) -> list[str]:
    """The elements that were made since then within others that were there.

    The header waits for the status, which comes when it comes.
    """
    found: list[str] = page.evaluate(
        """[...document.querySelectorAll("main *")]
        .filter((one) => !one.isOld && one.parentNode.isOld)
        .map((one) => one.outerHTML.slice(0, 120))"""
    )
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_made_anew_where_nothing_has_happened(
    visit: Visit, clock: UneasyClock, view: str
) -> None:
    visit.show(view)
    set_aside(visit.page)
    for _ in range(2):
        # A minute later no response of before is given again.
        clock.advance(60)
        visit.refresh()
    assert newer(visit.page) == []


def test_charts_stay_while_time_goes_on(visit: Visit, sold: Sell) -> None:
    for view in ("", OPERATION, "trends"):
        visit.show(view)
        visit.page.wait_for_selector("canvas")
        set_aside(visit.page)
        for _ in range(3):
            sold()
        assert (view, [one for one in newer(visit.page) if "uplot" in one]) == (view, [])


def test_a_call_stays_in_its_row(
    visit: Visit, shop: vs.Monitor, clock: UneasyClock, sold: Sell
) -> None:
    with shop.operation("op1", component="shop"):
        clock.advance(0.345)
    visit.show(OPERATION)
    visit.page.evaluate(
        """getSelection().selectAllChildren(
            document.querySelector('[aria-label="Recent calls"] tbody tr').cells[1]
        )"""
    )
    sold()
    assert visit.page.evaluate("getSelection().toString()") == "345 ms"


def test_the_focus_moves_with_its_row(visit: Visit) -> None:
    visit.show("rules")
    kept = visit.page.evaluate(
        """async () => {
        const { h, render } = await import("./static/dom.js");
        const list = h("ol");
        document.querySelector("main").append(list);
        const show = (...names) => render(list, names.map((name) =>
            h("li", { key: name }, h("button", {}, name))));
        show("a", "b", "c");
        const button = list.children[2].firstChild;
        button.focus();
        const found = [];
        for (const order of ["cab", "bac", "cba", "xcab"]) {
            show(...order);
            found.push(document.activeElement === button, list.textContent === order);
        }
        return found;
        }"""
    )
    assert kept == [True] * 8


def test_first_letters_of_a_search_are_not_lost(visit: Visit) -> None:
    page = visit.page
    visit.show("operations")
    search = page.get_by_role("searchbox")
    set_aside(page)
    search.press_sequentially("op3")
    page.wait_for_function("() => document.querySelectorAll('tbody tr').length === 1")
    assert search.input_value() == "op3"
    assert page.url.endswith("#/operations?search=op3")
    assert page.evaluate("document.activeElement.isOld && document.activeElement.type") == "search"
    page.get_by_role("link", name="Operations", exact=True).click()
    page.wait_for_function("() => document.querySelectorAll('tbody tr').length === 10")
    assert search.input_value() == ""


def test_another_range_or_order_leaves_the_focus_and_the_place(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 360, "height": 500})
    visit.show("operations")
    for name in ("5 min", "15 min", "Calls", "p95"):
        button = page.get_by_role("button", name=name, exact=True)
        button.focus()
        page.evaluate("scrollTo(0, 260)")
        with page.expect_response("**/api/v1/operations?*"):
            button.press("Enter")
        visit.refresh()
        assert (name, page.evaluate("scrollY")) == (name, 260)
        assert focused(page).startswith(name)


def test_going_back_leads_to_where_one_was(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 1440, "height": 300})
    visit.show("operations")
    page.evaluate("scrollTo(0, 150)")
    # A click of the mouse would scroll to it.
    page.locator("tbody a.op").last.evaluate("one => one.click()")
    page.wait_for_selector(".heading")
    assert page.evaluate("scrollY") == 0
    page.go_back()
    page.wait_for_selector("main[aria-busy=false] tbody")
    assert page.evaluate("scrollY") == 150
    page.get_by_role("link", name="Operations", exact=True).click()
    page.get_by_role("link", name="Rules").click()
    page.wait_for_selector("main[aria-busy=false] .rules")
    assert page.evaluate("scrollY") == 0


def test_nothing_of_another_operation_is_shown(visit: Visit, shop: vs.Monitor) -> None:
    page = visit.page
    for component in ("one", "two"):
        with shop.operation("same", component=component):
            pass
    shop.tick()
    visit.show("operation?operation=same&component=one")
    page.evaluate("void (window.fetch = () => new Promise(() => {}))")
    page.evaluate("location.hash = '#/operation?operation=same&component=two'")
    page.wait_for_selector("main[aria-busy=true]")
    assert page.locator("main").text_content() == ""


def test_an_age_is_only_written_when_it_has_changed(
    visit: Visit, shop: vs.Monitor, clock: UneasyClock
) -> None:
    page = visit.page
    page.clock.install()
    with shop.operation("aged", component="shop"):
        clock.advance(7200)
        visit.show("operation?operation=aged&component=shop")
        # The status says what time it is on the server.
        page.wait_for_selector(".glance")
        page.clock.run_for(2000)
        page.evaluate("window.text = document.querySelector('[data-start]').firstChild")
        page.clock.run_for(2000)
        assert page.evaluate("text.isConnected")


def test_refreshes_and_views_leave_nothing_behind(visit: Visit, sold: Sell) -> None:
    tools = visit.page.context.new_cdp_session(visit.page)
    tools.send("Performance.enable")

    def counts() -> dict[str, float]:
        tools.send("HeapProfiler.collectGarbage")
        found = tools.send("Performance.getMetrics")["metrics"]
        wanted = ("Nodes", "JSEventListeners")
        return {one["name"]: one["value"] for one in found if one["name"] in wanted}

    def go_round() -> None:
        for view in VIEWS:
            visit.page.evaluate("view => { location.hash = `#/${view}` }", view)
            visit.refresh()

    visit.show("")
    go_round()
    for _ in range(2):
        sold()
    before = counts()
    for _ in range(3):
        go_round()
    for _ in range(10):
        sold()
    after = counts()
    # A few more marks and calls are shown.
    assert after["Nodes"] < before["Nodes"] * 1.2
    assert after["JSEventListeners"] < before["JSEventListeners"] * 1.2
