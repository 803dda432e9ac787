"""All dashboards, by the names of their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from vitalspan.artifacts.grafana.overview import overview
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.queries import Queries
from vitalspan.artifacts.grafana.trends import trends

MAKERS: Final[dict[str, Callable[[Queries, str], Page]]] = {
    "overview.json": overview,
    "trends.json": trends,
}

DATASOURCE: Final = "prometheus"
"""The uid of the data source that the stack of this repository has."""


def dashboards(prefix: str = "", datasource: str = DATASOURCE) -> dict[str, str]:
    """Return the text of every dashboard, by the name of its file.

    Args:
        prefix: before the names of vitalspan's own metrics.
        datasource: the uid of the data source that is chosen at first.
    """
    queries = Queries(prefix)
    return {
        name: json.dumps(make(queries, datasource).content(), indent=2, sort_keys=True) + "\n"
        for name, make in MAKERS.items()
    }
