"""Charts and flame graphs that get other data, another width, theme or cursor where they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from page.test_profiles import add_profile
from profiling.test_stack_tree import code_of
from support.browser import Visit, visiting
from vitalspan.profiling.stack_tree import StackTree
from vitalspan.serve.server import start_http_server

pytestmark = pytest.mark.once

SAME_AS_NEW = """async (name) => {
    const charts = await import("./static/chart.js");
    const { render } = await import("./static/dom.js");
    const place = document.createElement("div");
    document.querySelector("main").prepend(place);
    const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
    const at = 1_700_000_000;
    const axis = (length, step, offset = 0) => (
        { step, times: Array.from({ length }, (_, index) => at + (index + offset) * step) });
    const line = (length, size, color = "--line-1", filled = true) => ({ label: color, color,
        filled, values: Array.from({ length }, (_, index) => size * (1 + Math.sin(index / 3))) });
    const usual = { title: "Usual", axis: axis(30, 60), lines: [line(30, 1)], format: String };
    const mark = { at: at + 600, kind: "deploy", text: "deploy", severity: "" };
    const nothing = { ...line(30, 1), values: Array(30).fill(null) };
    const every = {
        usual,
        later: { ...usual, axis: axis(30, 60, 1), lines: [line(30, 2)] },
        larger: { ...usual, lines: [line(30, 100)] },
        nothing: { ...usual, lines: [nothing] },
        marked: { ...usual, marks: [mark] },
        finer: { ...usual, axis: axis(30, 10) },
        days: { ...usual, axis: axis(7, 86400), lines: [line(7, 1)] },
        longer: { ...usual, axis: axis(60, 60), lines: [line(60, 1)] },
        single: { ...usual, axis: axis(1, 60), lines: [line(1, 1)] },
        two: { ...usual, lines: [line(30, 1), line(30, 3, "--line-2", false)] },
        coloured: { ...usual, lines: [line(30, 1, "--line-3")] },
        high: { ...usual, least: 100 },
        low: { ...usual, height: 80 },
        bytes: { ...usual, binary: true, lines: [line(30, 1e6)] },
    };
    const show = async (data) => {
        render(place, charts[name]("one", data));
        await drawn();
        const canvas = place.querySelector("canvas");
        return JSON.stringify([canvas.toDataURL(), place.innerText,
            place.querySelector(".canvas").ariaLabel]);
    };
    const wrong = [];
    for (const before of ["usual", "two", "nothing", "days"]) {
        for (const after of Object.keys(every)) {
            render(place);
            const expected = await show(every[after]);
            render(place);
            await show(every[before]);
            if (await show({ ...every[after] }) !== expected) wrong.push(`${before}, ${after}`);
        }
    }
    render(place);
    return wrong;
}"""
"""Shows data in a chart that had other data, and compares that with a new chart."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    clock = vs.ManualClock()
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, tick_interval=0, system_metrics=False
    )
    for _ in range(20):
        for number in range(60):
            with monitor.operation(f"op{number}"):
                clock.advance(0.1)
        clock.advance(54)
        monitor.tick()
    tree, outer = StackTree(), code_of("main")
    for number in range(40):
        tree.add([(outer, 1), (code_of(f"step_{number}"), 2)], 0.1)
    add_profile(monitor, tree=tree)
    with start_http_server(0, registry=monitor.registry) as server:
        yield f"http://127.0.0.1:{server.port}/"
    monitor.close()


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    with visiting(browser, address) as it:
        yield it
        assert it.faults == []


@pytest.mark.parametrize("kind", ["chart", "sparkline"])
def test_a_chart_with_other_data_is_like_a_new_one(visit: Visit, kind: str) -> None:
    visit.show("rules")
    assert visit.page.evaluate(SAME_AS_NEW, kind) == []


def test_a_small_chart_out_of_sight_gets_the_colours_of_the_theme(visit: Visit) -> None:
    page = visit.page
    visit.show("operations")
    last = page.locator(".spark").last
    inks = []
    for theme in ("light", "dark"):
        last.scroll_into_view_if_needed()
        last.locator("canvas").wait_for()
        inks.append(last.evaluate("one => one.instance.plot.series[1].stroke()"))
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        expected = "getComputedStyle(document.documentElement).getPropertyValue('--line-1')"
        assert inks[-1] == page.evaluate(expected)
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_function(
            "() => ![...document.querySelectorAll('.spark')].at(-1).instance.near"
        )
        page.get_by_role("button", name="Dark or light").click()
    assert len(set(inks)) == 2


def test_what_was_drawn_to_be_printed_is_not_kept_up_to_date(visit: Visit) -> None:
    page = visit.page
    visit.show("operations")
    near = "[...document.querySelectorAll('.spark')].filter((one) => one.instance.near).length"
    page.wait_for_function(f"() => {near} > 0")
    before = page.evaluate(near)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(near) == 60 > before
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_function(f"before => {near} === before", arg=before)


def test_the_cursor_leaves_the_focus_where_it_is(visit: Visit) -> None:
    page = visit.page
    visit.show("operation?operation=op1")
    page.locator(".chart button.quiet").first.focus()
    over = page.locator(".chart .u-over").nth(1).bounding_box()
    page.mouse.move(over["x"] + 100, over["y"] + 20)
    page.wait_for_selector(".chart .at:not(:empty)")
    page.mouse.move(over["x"] + 200, over["y"] + 20)
    assert page.evaluate("document.activeElement.textContent") == "PromQL"
    read = page.locator(".chart .values").all_inner_texts()
    visit.refresh()
    assert page.locator(".chart .values").all_inner_texts() == read


def test_boxes_get_their_text_once_they_are_wide_enough(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 360, "height": 800})
    visit.show(f"profile?id={0:016x}")
    boxes = page.get_by_role("treeitem")
    assert [bool(text) for text in boxes.all_text_contents()] == [True] + [False] * 40
    page.set_viewport_size({"width": 1440, "height": 800})
    page.wait_for_function(
        "() => [...document.querySelectorAll('[role=treeitem]')].every(one => one.textContent)"
    )
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_function("() => document.querySelectorAll('[role=treeitem]:empty').length === 40")
