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
        title: above it.
        panels: from left to right; those that find no room go into lines below.
        height: of each of them, in Grafana's units; 8 is about a quarter of a screen.
        widths: of each of them, of 24 in all.
    """

    title: str
    panels: Sequence[Panel]
    height: int
    widths: Sequence[int]


def row(
    title: str, *, height: int = 8, widths: Sequence[int] = ()
) -> Callable[[Callable[[Queries], Panels]], Callable[[Queries], Row]]:
    """Return a decorator, after which a function that makes panels makes a row of them.

    Args:
        title: above it.
        height: of each panel.
        widths: of each panel; without any, all are equally wide.
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
    """A dashboard. Its parts are functions, which make them with the queries of an export.

    Attributes:
        uid: its identity, which is in its address and in links to it.
        title: above it.
        description: what it is for.
        variables: by which it can be narrowed down, beside the data source.
        rows: its panels.
        annotations: the events that are marked in its charts.
        time_from: the beginning of the time that is shown at first, which ends now.
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
