"""Dashboards, described as data: variables, annotations and rows of panels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

from vitalspan.artifacts.grafana.annotations import (
    Annotation,
    alerts_of_processes,
    started_processes,
)
from vitalspan.artifacts.grafana.panels import Panel
from vitalspan.artifacts.grafana.queries import Queries
from vitalspan.artifacts.grafana.variables import Variable

Panels = Iterator[Panel]
"""What yields the panels of a row, from left to right."""


class Row(NamedTuple):
    """A row of panels.

    Attributes:
        title: the title above it.
        panels: the panels from left to right; those that do not fit continue on the next line.
        height: the height of each panel in Grafana's units; 8 is about a quarter of a screen.
        widths: the width of each panel; a line has 24 units.
    """

    title: str
    panels: Sequence[Panel]
    height: int
    widths: Sequence[int]


def row(
    title: str, *, height: int = 8, widths: Sequence[int] = ()
) -> Callable[[Callable[[Queries], Panels]], Callable[[Queries], Row]]:
    """Return a decorator that turns a function that makes panels into one that makes a row.

    Args:
        title: the title above it.
        height: the height of each panel.
        widths: the width of each panel; by default, all have the same width.
    """

    def decorate(panels: Callable[[Queries], Panels]) -> Callable[[Queries], Row]:
        def make(queries: Queries) -> Row:
            all_panels = list(panels(queries))
            equal = [24 // len(all_panels)] * len(all_panels)
            return Row(title, all_panels, height, widths or equal)

        return make

    return decorate


@dataclass(frozen=True)
class Dashboard:
    """A dashboard. Its parts are functions that create them with the queries of an export.

    Attributes:
        uid: its identity in its address and in links to it.
        title: the title above it.
        description: what it is for.
        variables: the variables that narrow it down, besides the data source.
        rows: its panels.
        annotations: the events that are marked in its charts.
        time_from: the start of the default time range, which ends now.
    """

    uid: str
    title: str
    description: str
    variables: Sequence[Callable[[Queries], Variable]]
    rows: Sequence[Callable[[Queries], Row]]
    _: KW_ONLY
    annotations: Sequence[Callable[[Queries], Annotation]] = (
        alerts_of_processes,
        started_processes,
    )
    time_from: str = "now-1h"
