"""From measurements to rows, and from rows to the table."""

from __future__ import annotations

import statistics
from typing import Any, NamedTuple

from targets import CALL_ROWS, FIGURE_ROWS, CallRow, FigureRow, Goal

Processes = dict[str, list[dict[str, Any]]]
KINDS = ("sync", "async")
HEADER = ("", "sync", "async", "x floor", "whole call, x floor", "target", "measured", "met")


class Line(NamedTuple):
    """One line of the table; `missed` has the missed targets."""

    cells: tuple[str, ...]
    missed: tuple[str, ...] = ()


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _timings(processes: list[dict[str, Any]], subject: str, kind: str) -> list[dict[str, Any]]:
    """A subject's figures in every process; empty if it has none of that kind."""
    return [
        one["calls"][subject][kind] for one in processes if kind in one["calls"].get(subject, {})
    ]


def _ratio(
    processes: list[dict[str, Any]], subject: str, against: str, kind: str, what: str = "overhead"
) -> float | None:
    """The median over processes of a ratio inside each process."""
    mine = _timings(processes, subject, kind)
    theirs = _timings(processes, against, kind)
    if not mine or not theirs:
        return None
    pairs = zip(mine, theirs, strict=True)
    return _median([one[what] / max(other[what], 0.1) for one, other in pairs])


def _both(values: list[float | None]) -> str:
    return " / ".join("-" if value is None else f"{value:.2f}" for value in values)


def _goal(
    row: CallRow, goal: Goal, processes: list[dict[str, Any]]
) -> tuple[str, str, str, list[str]]:
    """The cells target, measured and met, and the missed targets."""
    seen = {kind: _ratio(processes, row.subject, goal.against, kind) for kind in KINDS}
    target = f"<= {goal.limit:g} {goal.against}"
    missed = [
        f"{row.title}, {kind}: {value:.2f}, target {target}"
        for kind, value in seen.items()
        if value is not None and value > goal.limit
    ]
    return target, _both(list(seen.values())), "no" if missed else "yes", missed


def _call_line(row: CallRow, processes: list[dict[str, Any]]) -> Line:
    what = "call" if row.subject == "plain" else "overhead"
    times = []
    for kind in KINDS:
        seen = _timings(processes, row.subject, kind)
        times.append(f"{_median([one[what] for one in seen]):,.0f}" if seen else "-")
    over = whole = ""
    if row.subject != "plain":
        over = _both([_ratio(processes, row.subject, "floor", kind) for kind in KINDS])
        whole = _both([_ratio(processes, row.subject, "floor", kind, "call") for kind in KINDS])
    goals = [_goal(row, goal, processes) for goal in row.goals]
    columns = ["; ".join(goal[at] for goal in goals) for at in range(3)]
    missed = tuple(said for goal in goals for said in goal[3])
    return Line((row.title, *times, over, whole, *columns), missed)


def _figure_line(row: FigureRow, processes: list[dict[str, Any]]) -> Line:
    figures = [one["figures"][row.figure] for one in processes]
    value = _median([figure["value"] for figure in figures])
    detail = {
        key: _median([figure["detail"][key] for figure in figures]) for key in figures[0]["detail"]
    }
    digits = 3 if value < 0.1 else 2
    said = f"{value:.{digits}f}{row.unit}"
    if row.text:
        said += f" ({row.text.format(**detail)})"
    if row.limit is None:
        return Line((row.title, "", "", "", "", "", said, ""))
    target = f"{'>=' if row.at_least else '<='} {row.limit:g}{row.unit}"
    met = value >= row.limit if row.at_least else value <= row.limit
    missed = () if met else (f"{row.title}: {said}, target {target}",)
    return Line((row.title, "", "", "", "", target, said, "yes" if met else "no"), missed)


def lines(measured: Processes) -> list[Line]:
    """Every row whose case has run."""
    calls = [_call_line(row, measured[row.case]) for row in CALL_ROWS if row.case in measured]
    figures = [_figure_line(row, measured[row.case]) for row in FIGURE_ROWS if row.case in measured]
    return calls + figures


def table(rows: list[Line]) -> str:
    """The table in Markdown, with aligned columns for terminals."""
    grid = [HEADER, *(row.cells for row in rows)]
    widths = [max(len(cells[at]) for cells in grid) for at in range(len(HEADER))]
    right = (1, 2)

    def line(cells: tuple[str, ...]) -> str:
        padded = (
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = tuple("-" * (w - 1) + ":" if at in right else "-" * w for at, w in enumerate(widths))
    return "\n".join([line(grid[0]), line(rule), *map(line, grid[1:])])


def packages(measured: Processes) -> str:
    """The versions of the measured packages, our own environment first."""
    groups = {
        case: processes[0]["versions"]
        for case, processes in measured.items()
        if processes[0]["versions"]
    }
    own = groups.pop("calls", {})
    said = [", ".join(f"{name} {version}" for name, version in own.items())]
    for versions in groups.values():
        first, *rest = (f"{name} {version}" for name, version in versions.items())
        said.append(f"{first} (with {', '.join(rest)})")
    return "; ".join(part for part in said if part)
