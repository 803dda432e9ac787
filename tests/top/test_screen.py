"""The screen of 80 columns and 24 lines, line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.paths import ROOT
from support.top_screens import exposition, lines_of, state
from vitalspan.top.instances import InstanceState
from vitalspan.top.keyboard import keys_in
from vitalspan.top.terminal_text import number, safe, seconds
from vitalspan.top.view import SORT_NAMES, View

HERE = state("a:9464", exposition(100, 5), exposition(300, 55, alert="ManyErrors"))
THERE = state("b:9464", exposition(100, 5), exposition(200, 5, score=80.0))
AWAY = InstanceState("c:9464", "timed out")
KEYS = "q quit  p pause  s sort  r reverse  / filter  a apart  enter detail"


def test_one_service() -> None:
    lines = lines_of(HERE)
    assert lines[:7] == [
        "vitalspan top  a:9464  08:00:00 UTC",
        "health  70.0 degraded  errors -20.0, latency -10.0",
        "alerts  firing critical ManyErrors  component=shop",
        "        pending warning Slow",
        "",
        "operation         component calls/s↓  errors   p50   p95  running  oldest  total",
        "checkout          shop            20   25.0% 100ms 190ms        2   1m15s    300",
    ]
    assert lines[7:] == [""] * 16 + [KEYS]


def test_several_services_summed() -> None:
    lines = lines_of(HERE, THERE, AWAY)
    assert lines[:8] == [
        "vitalspan top  3 instances summed  08:00:00 UTC",
        "health  70.0 degraded  worst of 2: a:9464  errors -20.0, latency -10.0",
        "away    c:9464: timed out",
        "alerts  firing critical ManyErrors  component=shop  (a:9464)",
        "        pending warning Slow    (a:9464)",
        "",
        "operation         component calls/s↓  errors   p50   p95  running  oldest  total",
        "checkout          shop            30   16.7% 100ms 190ms        4   1m15s    500",
    ]
    assert len(lines) == 24


def test_several_services_apart() -> None:
    assert lines_of(HERE, THERE, view=View(apart=True))[5:8] == [
        "operation          component   instance          calls/s↓  errors   p95  running",
        "checkout           shop        a:9464                  20   25.0% 190ms        2",
        "checkout           shop        b:9464                  10    0.0% 190ms        2",
    ]


def test_one_operation_in_detail() -> None:
    lines = lines_of(HERE, view=View(detail=True))
    assert lines[5:15] == [
        "operation  checkout",
        "component  shop",
        "instance   all together",
        "calls      20 per second, 300 since the start",
        "durations  mean 100ms  p50 100ms  p75 150ms  p95 190ms  p99 198ms",
        "running    2, the oldest for 1m15s",
        "busy       2 at once",
        "cancelled  3 since the start",
        "errors     25.0% of calls, 5 per second",
        "              55 ValueError",
    ]
    assert lines[-1] == "esc back  up/down next  q quit"
    assert len(lines) == 24


def test_the_detail_shows_the_whole_name() -> None:
    name = "settle_the_invoices_" * 5
    text = exposition(5, operation=name)
    lines = lines_of(state("a", text, text), view=View(detail=True))
    start = next(at for at, line in enumerate(lines) if line.startswith("operation  "))
    assert lines[start + 1].startswith(" " * 11)
    assert (lines[start] + lines[start + 1].strip()).removeprefix("operation  ") == name


def test_nothing_to_show() -> None:
    assert lines_of(AWAY)[1:3] == ["health  no data", "away    c:9464: timed out"]


def test_more_rows_than_the_screen_has_lines_follow_the_selection() -> None:
    instance = InstanceState("a", None, figures=tuple(many(100)))
    view = View(sort="name")
    lines = lines_of(instance, view=view)
    assert len(lines) == 24
    assert lines[5].startswith("operation-000")
    view.press("pagedown")
    for _ in range(60):
        view.press("down")
    lines = lines_of(instance, view=view)
    assert any(line.startswith("operation-070") for line in lines)
    assert len(lines_of(instance, view=view, height=None)) == 105


def many(count: int) -> list:
    return [
        one
        for at in range(count)
        for one in state("a", exposition(0), exposition(at, operation=f"operation-{at:03}")).figures
    ]


def names(view: View) -> list[str]:
    return [one.operation for one in view.rows]


def test_keys_sort_reverse_filter_and_pause() -> None:
    view, figures = View(), many(3)
    view.show(figures)
    assert names(view) == ["operation-002", "operation-001", "operation-000"]
    for key in ("r", "p"):
        view.press(key)
    view.show(figures)
    assert names(view) == ["operation-000", "operation-001", "operation-002"]
    assert view.paused
    for _ in SORT_NAMES:
        view.press("s")
    assert view.sort == "calls"
    for key in keys_in("/q01\x7f\x7f-001\r"):
        view.press(key)
    assert (view.filter, view.typing, view.ended) == ("q-001", False, False)
    view.show(figures)
    assert names(view) == []
    view.press("enter")
    assert not view.detail
    view.press("escape")
    assert (view.filter, view.ended) == ("", False)


def test_the_selection_stays_with_its_operation() -> None:
    view, figures = View(), many(3)
    view.show(figures)
    view.press("down")
    assert names(view)[view.index] == "operation-001"
    view.press("enter")
    view.sort = "name"
    view.show(figures[1:])
    assert (view.index, view.detail) == (0, True)
    view.press("escape")
    assert not view.detail
    view.press("a")
    assert (view.apart, view.index) == (True, 0)
    view.press("q")
    assert view.ended


def test_keys_of_a_terminal() -> None:
    assert list(keys_in("a\x1b[A\x1b[5~\x1bOB\x1b\r")) == [
        "a", "up", "pageup", "down", "escape", "enter"
    ]  # fmt: skip


def test_keys_without_a_name_do_nothing() -> None:
    assert list(keys_in("\x1b[C\x1b[15~\x1bOPx\x1b[1;5Ay")) == ["x", "y"]


HOSTILE = "\x1b]0;title\x07\x1b[2J\r\n\x00\x9b31m\u202e\u2028[red]bold[/red]\ud800"


@given(st.text() | st.just(HOSTILE))
def test_what_a_server_sends_steers_no_terminal(text: str) -> None:
    assert safe(text).isprintable()


def test_hostile_names_are_text_on_every_part_of_the_screen() -> None:
    name = HOSTILE.encode("utf-8", "ignore").decode().replace("\n", "\\n")
    text = exposition(5, operation=name, alert=name).replace('"ValueError"', f'"{name}"')
    text = text.replace('"latency"', f'"{name}"').replace('"degraded"} 1', f'"{name}"}} 1')
    instance = state("a\x1b[2J", text, text)
    away = InstanceState("c", f"answered {name}")
    for view in (View(), View(apart=True), View(detail=True)):
        lines = lines_of(instance, away, view=view)
        assert len(lines) == 24
        assert all(line.isprintable() and len(line) <= 80 for line in lines)
    assert "[red]bold[/red]" in "".join(lines_of(instance, view=View(detail=True)))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0"), (0.256, "0.26"), (12.34, "12.3"), (99.97, "100"), (999.4, "999"),
     (999.6, "1.00k"), (1500, "1.50k"), (2e6, "2M"), (5e15, "5000T")],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0s"), (0.00025, "250µs"), (0.0123, "12.3ms"), (4.56, "4.56s"),
     (59.96, "1m00s"), (0.9996, "1s"), (200.7, "3m21s"), (7500, "2h05m"), (7199.9, "2h00m"),
     (0.00099996, "1ms")],
)  # fmt: skip
def test_durations(value: float | None, text: str) -> None:
    assert seconds(value) == text


def test_the_picture_in_the_documentation_is_what_is_shown() -> None:
    instance = state("localhost:9464", exposition(100, 5), exposition(300, 55, alert="ManyErrors"))
    picture = "\n".join(lines_of(instance, height=None))
    assert f"```text\n{picture}\n```" in (ROOT / "docs" / "top.md").read_text()
