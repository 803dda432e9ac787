"""The files of dashboards, and files that an earlier export left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vitalspan.artifacts.grafana.dashboards import DASHBOARDS
from vitalspan.artifacts.grafana.queries import Queries
from vitalspan.artifacts.options import DATASOURCE
from vitalspan.config import Settings
from vitalspan.errors import ConfigurationError, MissingExtraError

_OURS: Final = "vitalspan-"
"""The prefix of the uids of all dashboards."""

_SDK: Final = "grafana_foundation_sdk"


def files(
    prefix: str = "", datasource: str = DATASOURCE, *, native_histograms: bool = True
) -> dict[str, str]:
    """Return the text of every dashboard, by the name of its file.

    Args:
        prefix: the prefix of the names of vitalspan's own metrics.
        datasource: the uid of the default data source.
        native_histograms: whether durations come from native histograms if there are any.

    Raises:
        ConfigurationError: for an invalid prefix or uid.
        MissingExtraError: if Grafana's builders are not installed.
    """
    Settings(metric_prefix=prefix)
    if not datasource or not datasource.isprintable():
        raise ConfigurationError(f"data source {datasource!r:.60}: give the uid that Grafana has")
    try:
        from vitalspan.artifacts.grafana.dashboard_json import dashboard_json  # noqa: PLC0415
    except ImportError as missing:
        if (missing.name or "").partition(".")[0] != _SDK:
            raise
        raise MissingExtraError("making dashboards", "grafana") from None
    queries = Queries(prefix, native_histograms)
    content = {
        name: dashboard_json(dashboard, queries, datasource)
        for name, dashboard in DASHBOARDS.items()
    }
    return {name: json.dumps(one, indent=2, sort_keys=True) + "\n" for name, one in content.items()}


def left_over(contents: Mapping[str, str], directory: Path) -> list[Path]:
    """Return vitalspan's dashboards in a directory that are no longer generated.

    Args:
        contents: the texts of all dashboards, by the names of their files.
        directory: the directory to search.
    """
    uids = {_uid(text) for text in contents.values()}
    others = [path for path in sorted(directory.glob("*.json")) if path.name not in contents]
    uids_by_path = [(path, _uid(_text(path))) for path in others]
    return [path for path, uid in uids_by_path if uid.startswith(_OURS) and uid not in uids]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _uid(text: str) -> str:
    try:
        content = json.loads(text)
    except ValueError:
        return ""
    uid = content.get("uid") if isinstance(content, dict) else None
    return uid if isinstance(uid, str) else ""
