"""Views of a service with several processes, sessions, profiles and stacks, and of a new one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from page.test_profiles import add_profile
from profiling.test_stack_tree import code_of
from support.browser import Visit, visiting
from support.worker_processes import die, make_monitor, publish
from vitalspan.profiling.stack_tree import StackTree
from vitalspan.serve.server import start_http_server

pytestmark = pytest.mark.once

LONG = "settle_" + "the_invoices_of_all_customers_" * 8
"""A name that is almost as long as names may be."""

DEEP, WIDE = (f"profile?id={number:016x}" for number in (0, 1))
VIEWS = ("sessions", "workers", "profiles", DEEP, WIDE, "stacks")
FRESH = (
    *("", "operations", "profiles", "changes", "alerts", "rules", "trends", "resources"),
    *("dependencies", "sessions", "workers", "configuration", "stacks"),
)
SIZES = [(width, scheme) for width in (1440, 360) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a service of three processes, one of which has just ended."""
    clock = vs.ManualClock()
    directory = tmp_path_factory.mktemp("workers")
    with contextlib.ExitStack() as ends:
        monitors = []
        for age in (7200, 90, 5):
            monitors.append(make_monitor(directory, clock))
            ends.callback(monitors[-1].close)
            with monitors[-1].operation("checkout", component="shop"):
                clock.advance(age)
            publish(monitors[-1])
        monitor, _, last = monitors
        monitor.tick()
        die(last)
        add_profiles(monitor)
        make_sessions(monitor, clock, ends)
        get_stuck(monitor, ends)
        with start_http_server(0, registry=monitor.registry) as server:
            yield f"http://127.0.0.1:{server.port}/"


def add_profiles(monitor: vs.Monitor) -> None:
    """Keep a profile with a very deep stack, and one with very many functions."""
    deep, wide = StackTree(), StackTree()
    deep.add([(code_of(LONG, f"{LONG}.py"), line) for line in range(128)], 2.0)
    outer = code_of("checkout")
    for number in range(300):
        wide.add([(outer, 1), (code_of(f"step_{number}"), 2)], 0.01)
    add_profile(monitor, LONG, label=LONG, tree=deep)
    add_profile(monitor, "checkout", tree=wide)


def make_sessions(monitor: vs.Monitor, clock: vs.ManualClock, ends: contextlib.ExitStack) -> None:
    """Leave some sessions closed and some open, within each other."""
    for _ in range(2):
        with monitor.session("nightly import") as night, monitor.session(LONG) as inner:
            with monitor.operation("import_rows", component="imports"):
                clock.advance(2.5)
            with monitor.operation(LONG, component=LONG):
                clock.advance(1.5)
            inner.count("bytes", 48_000_000)
            for number in range(9):
                night.count(f"{number} {LONG}", number + 1)
    ends.enter_context(monitor.sessions.session("sale", application=True)).count("orders", 12)
    ends.enter_context(monitor.session("nothing yet"))


def get_stuck(monitor: vs.Monitor, ends: contextlib.ExitStack) -> None:
    """Let one call be within a deep recursion, and another one in a block without a name."""
    begun, ended = threading.Barrier(2), threading.Event()

    def walk(level: int) -> None:
        if level:
            walk(level - 1)
        else:
            begun.wait()
            ended.wait()

    @monitor.operation("crawl", component="search", labels={"from": LONG})
    def crawl() -> None:
        walk(150)

    thread = threading.Thread(target=crawl, name=LONG)
    thread.start()
    ends.callback(thread.join)
    ends.callback(ended.set)
    begun.wait(60)
    ends.enter_context(monitor.operation(LONG, component=LONG))


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_views_with_something_in_them(browser: Any, address: str, width: int, scheme: str) -> None:
    with visiting(browser, address, width=width, scheme=scheme) as visit:
        for view in VIEWS:
            visit.show(view)
            assert visit.page.locator("tbody tr, .stack > li, [role=treeitem]").count() > 1
            assert (view, visit.findings()) == (view, [])
            assert (view, visit.overflow()) == (view, 0)
            current = visit.page.locator("nav [aria-current]").bounding_box()
            assert 0 <= current["x"] < current["x"] + current["width"] <= width
        assert visit.faults == []


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (360, "light")])
def test_views_of_a_fresh_monitor(browser: Any, width: int, scheme: str) -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, tick_interval=0)
    monitor.tick()
    with (
        contextlib.closing(monitor),
        start_http_server(0, registry=monitor.registry) as server,
        visiting(browser, f"http://127.0.0.1:{server.port}/", width=width, scheme=scheme) as visit,
    ):
        for view in FRESH:
            visit.show(view)
            assert (view, visit.findings()) == (view, [])
            assert (view, visit.overflow()) == (view, 0)
        assert visit.faults == []


def rows_of(visit: Visit, table: str) -> list[list[str]]:
    rows = visit.page.get_by_role("group", name=table, exact=True).locator("tbody tr")
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def test_what_sessions_say(browser: Any, address: str) -> None:
    with visiting(browser, address) as visit:
        visit.show("sessions")
        sale, nothing_yet = rows_of(visit, "Open")
        assert (sale[0], sale[5]) == ("sale", "12 orders")
        assert nothing_yet[0] == "nothing yet\nwithin sale"
        assert nothing_yet[3:] == ["0", "\u2013", "", ""]
        night, inner, *_ = rows_of(visit, "Closed")
        assert night[0] == "nightly import"
        assert night[3:6] == ["4 s", "2", "0 %"]
        assert night[6].endswith("and 4 more")
        assert night[7].split("\n") == ["62.5 % import_rows", f"37.5 % {LONG}"]
        assert inner[0] == f"{LONG}\nwithin nightly import"
        assert inner[6] == "48M bytes"


def test_what_workers_say(browser: Any, address: str) -> None:
    with visiting(browser, address) as visit:
        visit.show("workers")
        # The monitors that stand for processes are all in this one.
        states = [row[2].split("\n")[0] for row in rows_of(visit, "Workers")]
        assert states == ["running", "running", "ended"]
        assert "evaluates rules" in rows_of(visit, "Workers")[0][2]


def test_a_recursion_and_a_block_without_a_name(browser: Any, address: str) -> None:
    with visiting(browser, address) as visit:
        visit.show("stacks")
        crawl = visit.page.locator("section.card", has_text="crawl")
        assert "outer frames are left out" in (crawl.text_content() or "")
        inner = [one for one in crawl.locator(".stack > li").all_inner_texts() if "walk" in one]
        assert len(inner) == 2
        assert " times" in inner[0]
        assert visit.page.get_by_text("Its frames are not known.").count() == 1


def test_a_flame_graph_that_is_very_deep_or_very_wide(browser: Any, address: str) -> None:
    with visiting(browser, address, width=360) as visit:
        page = visit.page
        visit.show(WIDE)
        boxes = page.get_by_role("treeitem")
        assert boxes.count() == 301
        tree = page.get_by_role("tree").bounding_box()
        for box in (boxes.first.bounding_box(), boxes.last.bounding_box()):
            assert box["x"] + box["width"] <= tree["x"] + tree["width"] + 1
        visit.show(DEEP)
        boxes = page.get_by_role("treeitem")
        assert boxes.count() == 128
        boxes.nth(100).hover()
        page.wait_for_function(
            """() => {
            const caption = document.querySelector(".flame-caption");
            const { top, bottom } = caption.getBoundingClientRect();
            const outer = caption.closest(".flame-scroll").getBoundingClientRect();
            const isWhole = outer.top < top && bottom <= outer.bottom + 1;
            return isWhole && caption.textContent.includes(":100)");
            }"""
        )


REACHED = """() => {
    const style = getComputedStyle(document.activeElement);
    return {
        index: window.controls.indexOf(document.activeElement),
        seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
    };
}"""
CONTROLS = """() => {
    const all = document.querySelectorAll("a[href], button, input, select, [tabindex='0']");
    window.controls = [...all].filter((one) => one.tabIndex >= 0);
    return window.controls.length;
}"""


@pytest.mark.parametrize("view", VIEWS)
def test_every_control_is_reached_and_shows_it(browser: Any, address: str, view: str) -> None:
    with visiting(browser, address) as visit:
        visit.show(view)
        count = visit.page.evaluate(CONTROLS)
        reached = []
        for _ in range(count):
            visit.page.keyboard.press("Tab")
            reached.append(visit.page.evaluate(REACHED))
        assert [one["index"] for one in reached] == list(range(count))
        assert all(one["seen"] for one in reached)
