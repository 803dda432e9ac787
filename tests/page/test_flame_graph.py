"""Profiles and stacks in a browser: drawn, by keyboard, for screen readers, with hostile names."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from page.test_profiles import NAMES, add_profile
from support.browser import Visit
from vitalspan.serve.metrics_server import MetricsServer
from vitalspan.serve.server import start_http_server

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def shop() -> Iterator[vs.Monitor]:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, tick_interval=0)
    add_profile(monitor)
    monitor.tick()
    begun, ended = threading.Event(), threading.Event()

    @monitor.operation("checkout", component="shop", labels={"tier": NAMES[1]})
    def stuck() -> None:
        begun.set()
        ended.wait()

    thread = threading.Thread(target=stuck)
    thread.start()
    assert begun.wait(60)
    yield monitor
    ended.set()
    thread.join()
    monitor.close()


@pytest.fixture(scope="module")
def server(shop: vs.Monitor) -> Iterator[MetricsServer]:
    with start_http_server(0, registry=shop.registry) as it:
        yield it


@contextlib.contextmanager
def visiting(browser: Any, server: MetricsServer, width: int = 1440) -> Iterator[Visit]:
    scheme = "light" if width > 1000 else "dark"
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    try:
        yield Visit(context, f"http://127.0.0.1:{server.port}/")
    finally:
        context.close()


@pytest.mark.parametrize("width", [1440, 360])
def test_the_views(browser: Any, server: MetricsServer, shop: vs.Monitor, width: int) -> None:
    profile = shop.profiles.recent()[0]
    with visiting(browser, server, width) as visit:
        page = visit.page
        visit.show("operation?operation=checkout&component=shop")
        assert (visit.findings(), visit.overflow()) == ([], 0)
        page.get_by_role("link", name="Profile of").click()
        page.get_by_role("treeitem").first.wait_for()
        assert (visit.findings(), visit.overflow()) == ([], 0)
        boxes = page.get_by_role("treeitem")
        assert boxes.all_text_contents() == [
            f"{name} ({name}.py:{line})"
            for name, line in (("main", 10), (NAMES[1], 20), ("refund", 30), ("pay", 30))
        ]
        rows = page.get_by_role("region", name="Lines with most time").locator("tbody tr")
        assert rows.first.locator("code").all_text_contents() == ["refund", "refund.py:30"]
        assert rows.first.locator("td").all_text_contents() == ["3 s", "60 %"]
        for kind in ("SVG", "speedscope", "collapsed stacks"):
            with page.expect_download() as downloading:
                page.get_by_role("link", name=kind).click()
            assert downloading.value.suggested_filename.startswith(f"profile-{profile.id}.")
            assert downloading.value.path().stat().st_size > 100
        page.go_back()
        page.get_by_role("link", name="Where is it now?").click()
        page.locator(".stack").wait_for()
        assert (visit.findings(), visit.overflow()) == ([], 0)
        assert page.locator(".stack .innermost").count() == 1
        assert NAMES[1] in (page.locator(".labelled").text_content() or "")
        assert page.evaluate("typeof hacked") == "undefined"
        assert visit.faults == []


def test_the_keyboard_goes_from_box_to_box(
    browser: Any, server: MetricsServer, shop: vs.Monitor
) -> None:
    with visiting(browser, server) as visit:
        page = visit.page
        visit.show(f"profile?id={shop.profiles.recent()[0].id}")

        def focused() -> str:
            text: str = page.evaluate("document.activeElement.getAttribute('aria-label')")
            return text.partition(" (")[0]

        assert page.locator("[role=treeitem][tabindex='0']").count() == 1
        page.locator("[role=treeitem][tabindex='0']").focus()
        visited = []
        for key in ("Home", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"):
            page.keyboard.press(key)
            visited.append(focused())
        assert visited == ["main", NAMES[1], "refund", "pay", "pay", "refund"]
        page.keyboard.press("Enter")
        boxes = page.get_by_role("treeitem")
        assert boxes.count() == 3
        assert boxes.nth(2).get_attribute("aria-selected") == "true"
        assert "3 s, 60 %" in (page.locator(".flame-caption").text_content() or "")
        assert len({box["width"] for box in map(box_of, boxes.all())}) == 1
        page.keyboard.press("ArrowUp")
        assert focused() == NAMES[1]
        page.keyboard.press("Escape")
        assert boxes.count() == 4
        widths = [round(box_of(box)["width"]) for box in boxes.all()]
        assert widths[0] == widths[1]
        assert widths[2] / widths[0] == pytest.approx(0.6, abs=0.01)
        assert visit.findings() == []
        assert visit.faults == []


def test_it_stays_as_it_is_when_the_page_is_refreshed(
    browser: Any, server: MetricsServer, shop: vs.Monitor
) -> None:
    with visiting(browser, server) as visit:
        page = visit.page
        visit.show(f"profile?id={shop.profiles.recent()[0].id}")
        boxes = page.get_by_role("treeitem")
        boxes.filter(has_text="refund").press("Enter")
        assert boxes.count() == 3
        focused = page.evaluate_handle("document.activeElement")
        for _ in range(2):
            visit.refresh()
            assert boxes.count() == 3
            assert page.evaluate("one => one === document.activeElement", focused)
        assert visit.faults == []


def box_of(locator: Any) -> dict[str, float]:
    box: dict[str, float] = locator.bounding_box()
    return box


def test_what_is_not_there_or_not_shown_is_said(browser: Any, server: MetricsServer) -> None:
    with visiting(browser, server) as visit:
        visit.page.goto(f"http://127.0.0.1:{server.port}/#/profile?id=x")
        said = visit.page.get_by_role("alert")
        said.wait_for()
        assert "there is no profile with this id" in (said.text_content() or "")
