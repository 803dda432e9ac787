"""How the page asks for newer data: in which order, and what it says where none comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from page.test_profiles import add_profile
from support.browser import Visit, visiting
from vitalspan.serve.server import start_http_server

pytestmark = pytest.mark.once

EVENTS = """
window.SharedWorker = class {
    constructor() {
        this.port = { postMessage: () => {} };
        window.tell = (kind) => window.status_.then((status) =>
            this.port.onmessage({ data: { kind, status } }));
    }
};
window.status_ = fetch("api/v1/status").then((answer) => answer.json());
"""
"""Lets a test tell the page what the server says."""

HOLD = """() => {
    const { fetch } = window;
    window.held = [];
    window.fetch = async (address, options) => {
        if (String(address).includes("/status")) return fetch(address, options);
        await new Promise((go, leave) => {
            window.held.push(go);
            options.signal.addEventListener("abort", () =>
                leave(new DOMException("", "AbortError")));
        });
        return fetch(address, options);
    };
}"""
"""Holds requests back until a test lets them go."""


@pytest.fixture(scope="module")
def clock() -> vs.ManualClock:
    return vs.ManualClock()


@pytest.fixture(scope="module")
def address(clock: vs.ManualClock) -> Iterator[str]:
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, tick_interval=0, system_metrics=False
    )
    monitor.tick()
    with monitor.operation("checkout"):
        clock.advance(5)
    monitor.tick()
    add_profile(monitor)
    with start_http_server(0, registry=monitor.registry) as server:
        yield f"http://127.0.0.1:{server.port}/"
    monitor.close()


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    with visiting(browser, address) as it:
        yield it


def live(page: Any) -> str:
    text: str = page.locator("button.live").text_content()
    return text


def test_a_change_of_view_asks_once(visit: Visit) -> None:
    visit.show("operations")
    visit.requests.clear()
    visit.page.get_by_role("link", name="Rules").click()
    visit.page.wait_for_selector("main[aria-busy=false] .empty")
    visit.page.go_back()
    visit.page.wait_for_selector("main[aria-busy=false] table")
    visit.requests = [one for one in visit.requests if not one.endswith("/status")]
    assert visit.requests == ["/api/v1/rules", "/api/v1/operations"]


def test_events_do_not_abort_a_slow_response(visit: Visit) -> None:
    page = visit.page
    page.add_init_script(EVENTS)
    visit.show("")
    page.evaluate(HOLD)
    # The second view takes the place of the first one, which ends without a response.
    page.get_by_role("link", name="Rules").click()
    page.get_by_role("link", name="Operations", exact=True).click()
    page.wait_for_function("() => held.length === 2")
    for _ in range(3):
        page.evaluate("tell('status')")
    assert page.evaluate("held.length") == 2
    page.evaluate("held.forEach((go) => go())")
    page.wait_for_selector("main[aria-busy=false] table")
    assert visit.faults == []


def test_a_stream_that_stays_lost_does_not_let_the_page_ask_again(visit: Visit) -> None:
    page = visit.page
    page.add_init_script(EVENTS)
    visit.show("")
    visit.refresh()
    page.evaluate("tell('status')")
    page.evaluate(HOLD)
    for _ in range(4):
        page.evaluate("tell('lost')")
        page.evaluate("held.forEach((go) => go())")
        page.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert page.evaluate("held.length") <= 1
    assert visit.faults == []


def test_a_server_that_does_not_answer_is_lost(visit: Visit) -> None:
    page = visit.page
    page.clock.install()
    visit.show("")
    page.evaluate(HOLD)
    page.evaluate("dispatchEvent(new Event('online'))")
    assert live(page) == "Live"
    page.clock.run_for(65_000)
    assert live(page).startswith("Lost")
    assert page.evaluate("held.length") > 1
    page.evaluate("held.forEach((go) => go())")
    page.get_by_role("button", name="Live").wait_for()
    assert visit.faults == []


def test_a_mistake_of_the_page_does_not_look_like_a_lost_server(visit: Visit) -> None:
    page = visit.page
    visit.show("operation?operation=checkout")
    page.evaluate(
        """document.querySelector(".chart").instance.update = () => {
            throw new Error("cannot be drawn");
        }; 0"""
    )
    visit.refresh()
    assert live(page) == "Live"
    assert visit.faults == ["error: cannot be drawn"]


def test_what_is_shown_outlives_a_proxy_without_its_server(visit: Visit) -> None:
    page = visit.page
    visit.show(f"profile?id={0:016x}")
    boxes = page.get_by_role("treeitem")
    boxes.filter(has_text="refund").press("Enter")
    assert boxes.count() == 3
    address = "**/api/v1/profile?*"
    page.route(address, lambda route: route.fulfill(status=502, body="<html>"))
    visit.refresh()
    assert live(page).startswith("Lost")
    page.unroute(address)
    visit.refresh()
    assert live(page) == "Live"
    assert boxes.count() == 3


def test_the_service_is_named_in_every_view_without_events(
    visit: Visit, clock: vs.ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Later, no response of before is given again.
    clock.advance(60)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    visit.page.add_init_script("delete window.SharedWorker")
    visit.show("rules")
    visit.page.locator(".service", has_text="shop").wait_for()
    assert visit.page.locator(".glance .light").count() == 1
    assert visit.faults == []


def test_a_watch_ends_where_the_server_has_forgotten_it(visit: Visit) -> None:
    page = visit.page
    call = {"start": 1.7e9, "duration": 0.5, "outcome": "ok", "labels": {}, "attributes": {}}
    watched = {"operation": "checkout", "component": None, "since": 1.7e9, "until": 1.7e9 + 300}
    more = {"wanted": 20, "trace_url": "", "at": 1.7e9}
    before = {**watched, **more, "calls": [{**call, "measures": {}}] * 2, "ended": False}
    answers = [before, {**before, "calls": []}, {**before, "calls": [], "ended": True}]
    page.clock.install()
    page.add_init_script("delete window.SharedWorker")
    page.route("**/api/v1/watch?*", lambda route: route.fulfill(json=answers[0]))
    visit.show("operation?operation=checkout")
    page.get_by_role("button", name="Watch the next 20 calls").click()
    card = page.get_by_role("region", name="Next calls")
    card.get_by_text("2 of 20, until").wait_for()
    while len(answers) > 1:
        del answers[0]
        with page.expect_response("**/api/v1/watch?*"):
            page.clock.run_for(2000)
    card.get_by_text("2 of 20, over").wait_for()
    assert card.locator("tbody tr").count() == 2
    assert visit.faults == []


def test_a_change_is_made_after_the_server_has_restarted(visit: Visit) -> None:
    page = visit.page
    tokens = ["earlier", "later"]
    page.route("**/api/v1/token", lambda route: route.fulfill(json={"token": tokens.pop(0)}))

    def acknowledge(route: Any) -> None:
        if route.request.headers["x-vitalspan-token"] == "later":
            route.fulfill(json={"done": True, "text": "done"})
        else:
            route.fulfill(status=403, json={"error": "no"})

    page.route("**/api/v1/acknowledge?*", acknowledge)
    visit.show("alerts")
    done = page.evaluate(
        """async () => {
        const { change } = await import("./static/api.js");
        return await change("acknowledge", { alert: "1" });
        }"""
    )
    assert done["text"] == "done"


def test_no_button_becomes_another_one(visit: Visit) -> None:
    page = visit.page
    alert = {
        "id": "1",
        "alertname": "Failing",
        "severity": "critical",
        "state": "firing",
        "message": "1 of 5",
        "labels": {},
        "annotations": {},
        "operation": None,
        "acknowledged": False,
        "silenced_until": 0,
        "active_at": 1.7e9,
        "fired_at": 1.7e9,
        "resolved_at": None,
    }
    more = {"at": 1.7e9, "history": [], "silences": [], "promql": {}}
    page.route("**/api/v1/token", lambda route: route.fulfill(json={"token": "any"}))
    page.route("**/api/v1/alerts?*", lambda route: route.fulfill(json={"active": [alert], **more}))
    visit.show("alerts")
    silence = page.get_by_role("button", name="Silence 1 h: Failing")
    button = silence.element_handle()
    alert["acknowledged"] = True
    visit.refresh()
    assert page.get_by_role("button", name="Acknowledge Failing").count() == 0
    assert page.evaluate("one => one === document.querySelector('.action')", button)
    assert visit.faults == []
