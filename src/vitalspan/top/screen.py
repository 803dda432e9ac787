"""The screen: a snapshot and a view as lines of a terminal, rendered with Rich."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vitalspan.top.figures import Figures
from vitalspan.top.instances import Snapshot
from vitalspan.top.operation_detail import detail_lines
from vitalspan.top.service_metrics import FIRING
from vitalspan.top.terminal_text import UNKNOWN, number, percent, safe, seconds
from vitalspan.top.view import View
from vitalspan.words import counted

STATUS_STYLES: Final = {
    "healthy": "green",
    "degraded": "yellow",
    "unhealthy": "red",
    "critical": "bold red",
}
_MOST_ALERTS: Final = 4
_MOST_AWAY: Final = 3
_KEYS: Final = "q quit  p pause  s sort  r reverse  / filter  a apart  enter detail"


def screen(snapshot: Snapshot, view: View, height: int | None) -> RenderableType:
    """Return the content of the terminal.

    Args:
        snapshot: the state of the instances.
        view: what to show, with its rows.
        height: the lines of the terminal; None shows all rows, and no keys.
    """
    head = [*_head(snapshot, view), *_away(snapshot), *_alerts(snapshot)]
    if height is None:
        return Group(*head, Text(), _table(view, view.rows, selected=False))
    room = max(1, height - len(head) - 3)
    if view.detail and view.rows:
        lines = detail_lines(view.rows[view.index])[: room + 1]
        blank = [Text()] * (room + 1 - len(lines))
        return Group(*head, Text(), *lines, *blank, _foot(view))
    first = max(0, min(view.index - room // 2, len(view.rows) - room))
    rows = view.rows[first : first + room]
    blank = [Text()] * (room - len(rows))
    return Group(*head, Text(), _table(view, rows, selected=True), *blank, _foot(view))


def _line(*parts: str | tuple[str, str]) -> Text:
    line = Text.assemble(*parts)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _head(snapshot: Snapshot, view: View) -> Iterator[Text]:
    time = dt.datetime.fromtimestamp(snapshot.time, dt.UTC)
    all_names = [one.name for one in snapshot.instances]
    names = all_names[0] if len(all_names) == 1 else counted(len(all_names), "instance")
    what = "apart" if view.apart else "summed"
    yield _line(
        ("vitalspan top", "bold"),
        f"  {safe(names)}{'' if len(all_names) == 1 else f' {what}'}  {time:%H:%M:%S} UTC",
        ("  paused", "bold yellow") if view.paused else "",
    )
    worst = snapshot.worst
    if worst is None:
        yield _line("health  no data")
        return
    status = worst.health.status
    lost = ", ".join(f"{factor} -{points:.1f}" for factor, points in worst.health.lost)
    yield _line(
        "health  ",
        (f"{worst.health.score:.1f} {safe(status)}", STATUS_STYLES.get(status, "")),
        f"  worst of {len(snapshot.reachable)}: {safe(worst.name)}"
        if len(snapshot.reachable) > 1
        else "",
        f"  {safe(lost)}" if lost else "",
    )


def _away(snapshot: Snapshot) -> Iterator[Text]:
    away = [one for one in snapshot.instances if one.error is not None]
    for one in away[:_MOST_AWAY]:
        yield _line((f"away    {safe(one.name)}: {safe(one.error or '')}", "red"))
    if len(away) > _MOST_AWAY:
        yield _line((f"        and {len(away) - _MOST_AWAY} more", "red"))


def _alerts(snapshot: Snapshot) -> Iterator[Text]:
    alerts = snapshot.alerts()
    if not alerts:
        yield _line("alerts  none")
    for at, (alert, places) in enumerate(alerts[:_MOST_ALERTS]):
        labels = " ".join(f"{name}={value}" for name, value in alert.labels)
        where = "" if len(snapshot.instances) == 1 else f"  ({', '.join(places)})"
        yield _line(
            "alerts  " if at == 0 else " " * 8,
            (alert.state, "red" if alert.state == FIRING else "yellow"),
            f" {safe(alert.severity)} {safe(alert.name)}  {safe(labels)}{safe(where)}",
        )
    if len(alerts) > _MOST_ALERTS:
        yield _line(f"        and {len(alerts) - _MOST_ALERTS} more")


_COLUMNS: Final = (
    ("calls/s", "calls"),
    ("errors", "errors"),
    ("p50", ""),
    ("p95", "p95"),
    ("running", "running"),
    ("oldest", "oldest"),
    ("total", "total"),
)
_LEFT_OUT_APART: Final = ("p50", "oldest", "total")
"""Columns that are replaced by that of the instances."""


def _table(view: View, rows: list[Figures], *, selected: bool) -> Table:
    table = Table(box=None, expand=True, padding=0)
    mark = "\N{UPWARDS ARROW}" if view.reverse else "\N{DOWNWARDS ARROW}"
    by_name = mark if view.sort == "name" else ""
    table.add_column(f"operation{by_name}", no_wrap=True, overflow="ellipsis", ratio=3)
    table.add_column(" component", no_wrap=True, overflow="ellipsis", ratio=2)
    if view.apart:
        table.add_column(" instance", no_wrap=True, overflow="ellipsis", ratio=3)
    for title, sort in _columns(apart=view.apart):
        # The gap is part of the column, because the padding differs between versions of Rich.
        head = f" {title}{mark if sort == view.sort else ''}"
        table.add_column(head, justify="right", no_wrap=True, min_width=len(title) + 2)
    chosen = view.rows[view.index] if view.rows else None
    for one in rows:
        style = "reverse" if selected and one is chosen else ""
        table.add_row(*_cells(one, apart=view.apart), style=style)
    return table


def _columns(*, apart: bool) -> Iterator[tuple[str, str]]:
    return (one for one in _COLUMNS if not apart or one[0] not in _LEFT_OUT_APART)


def _cells(one: Figures, *, apart: bool) -> Iterator[Text]:
    yield Text(safe(one.operation))
    yield Text(f" {safe(one.component)}")
    if apart:
        yield Text(f" {safe(one.instance)}")
    texts = {
        "calls/s": number(one.call_rate),
        "errors": percent(one.error_ratio),
        "p50": seconds(one.quantile(0.5)),
        "p95": seconds(one.quantile(0.95)),
        "running": number(one.in_progress),
        "oldest": seconds(one.oldest) if one.in_progress else UNKNOWN,
        "total": number(one.calls),
    }
    for title, _ in _columns(apart=apart):
        yield Text(f" {texts[title]}", "red" if title == "errors" and one.error_ratio else "")


def _foot(view: View) -> Text:
    if view.typing:
        return _line(("filter: ", "bold"), view.filter, ("_", "blink"), "  enter keeps, esc clears")
    if view.detail:
        return _line(("esc back  up/down next  q quit", "dim"))
    kept = f"filter: {view.filter}  esc clears  " if view.filter else ""
    return _line(kept, (_KEYS, "dim"))
