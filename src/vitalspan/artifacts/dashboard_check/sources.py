"""Dashboards read from the JSON files of a directory, as Grafana's provisioning reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from vitalspan.errors import ConfigurationError

Dashboard = dict[str, Any]

_RESOURCE: Final = "dashboard.grafana.app/"
"""The prefix of the `apiVersion` of dashboards that are files of a Kubernetes-like API."""

_WITH_ROWS: Final = 16
"""The schema before which panels are within rows."""


class SkippedFile(NamedTuple):
    """A file that has no dashboard.

    Attributes:
        path: the path of the file.
        reason: the reason, for people.
        bad: whether it should have a dashboard.
    """

    path: str
    reason: str
    bad: bool = True


class _NotADashboardError(Exception):
    """The JSON is not a dashboard."""


class _BadDashboardError(Exception):
    """The JSON is a dashboard, but cannot be read."""


def dashboards_of_texts(texts: Mapping[str, str]) -> tuple[list[Dashboard], list[SkippedFile]]:
    """Return dashboards from their JSON, and what was skipped.

    Args:
        texts: the JSON by the paths of the files.
    """
    dashboards, skipped = [], []
    for path, text in texts.items():
        try:
            dashboards.append(_dashboard(text))
        except (_NotADashboardError, _BadDashboardError) as refused:
            bad = isinstance(refused, _BadDashboardError)
            skipped.append(SkippedFile(path, str(refused), bad))
    return dashboards, skipped


def dashboards_of_directory(directory: Path) -> tuple[list[Dashboard], list[SkippedFile]]:
    """Return the dashboards in the JSON files of a directory and its folders, and what was skipped.

    As in Grafana, folders whose names begin with a dot are left out.

    Raises:
        ConfigurationError: for a directory that cannot be read, or that has no dashboard.
    """
    texts, unreadable = {}, []
    for path in _json_files(directory):
        try:
            texts[str(path)] = path.read_text(encoding="utf-8", errors="replace")
        except OSError as refused:
            unreadable.append(SkippedFile(str(path), f"cannot be read: {_reason(refused)}"))
    dashboards, skipped = dashboards_of_texts(texts)
    skipped = sorted([*unreadable, *skipped])
    if not dashboards:
        details = "".join(f"; {one.path}: {one.reason}" for one in skipped if one.bad)
        raise ConfigurationError(
            f"{directory} has no dashboards: no *.json there is a dashboard in Grafana's classic "
            f"JSON{details}"
        )
    return dashboards, skipped


def _json_files(directory: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise ConfigurationError(
            f"{error.filename or directory} cannot be read: {_reason(error)}"
        ) from None

    paths: list[Path] = []
    for folder, folders, files in os.walk(directory, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [Path(folder, name) for name in sorted(files) if name.endswith(".json")]
    return paths


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _dashboard(text: str) -> Dashboard:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise _BadDashboardError(f"not JSON: {wrong}") from None
    if isinstance(content, dict) and str(content.get("apiVersion")).startswith(_RESOURCE):
        content = _of_resource(content)
    if not isinstance(content, dict) or not {"panels", "rows", "elements"} & content.keys():
        raise _NotADashboardError("no dashboard")
    if "elements" in content:
        raise _BadDashboardError(
            "this dashboard has schema v2: export it in Grafana's classic JSON"
        )
    _check_lists(content)
    return {**content, "panels": _panels(content)}


def _of_resource(resource: Mapping[str, Any]) -> Any:
    """Return the dashboard in a file of Grafana's newer API, whose name is its uid."""
    metadata, spec = resource.get("metadata"), resource.get("spec")
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        return None
    return {**spec, "uid": metadata.get("name")}


def _panels(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the panels and rows of a dashboard in the form of the schemas since 16."""
    panels = list(content.get("panels") or [])
    version = content.get("schemaVersion")
    if not isinstance(version, int) or version < _WITH_ROWS:
        # Rows that were saved as the repetition of another are created again.
        rows = [row for row in content.get("rows") or [] if not row.get("repeatIteration")]
        panels += [{**row, "type": "row"} for row in rows]
    return panels


def _check_lists(content: Mapping[str, Any]) -> None:
    """Refuse panels, targets, variables and annotations that are not lists of objects."""
    outer = [_part(content, "panels"), _part(content, "rows")]
    rows = [_part(one, "panels") for part in outer for one in _objects(part)]
    panels = [one for part in (*outer, *rows) for one in _objects(part)]
    lists = [*outer, *rows, *(_part(one, "targets") for one in panels)]
    for name in ("templating", "annotations"):
        inner = content.get(name) or {}
        lists.append(_part(inner, "list") if isinstance(inner, dict) else inner)
    for part in lists:
        if not isinstance(part, list) or len(_objects(part)) < len(part):
            raise _BadDashboardError(
                "not a dashboard in Grafana's classic JSON: its panels, targets, variables and "
                "annotations have to be lists of objects"
            )


def _part(content: Mapping[str, Any], name: str) -> Any:
    part = content.get(name)
    return [] if part is None else part


def _objects(part: Any) -> list[dict[str, Any]]:
    return [one for one in part if isinstance(one, dict)] if isinstance(part, list) else []
