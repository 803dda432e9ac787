"""The files of the dashboards: what they are made with may be missing, or be left over."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vitalspan.artifacts.options import check_prefix
from vitalspan.errors import ConfigurationError, MissingExtraError

DATASOURCE: Final = "prometheus"
"""The uid of the data source that the stack of this repository has."""

OURS: Final = "vitalspan-"
"""How the uids of all dashboards begin."""

_SDK: Final = "grafana_foundation_sdk"


def files(prefix: str = "", datasource: str = DATASOURCE) -> dict[str, str]:
    """Return the text of every dashboard, by the name of its file.

    Args:
        prefix: before the names of vitalspan's own metrics.
        datasource: the uid of the data source that is chosen at first.

    Raises:
        ConfigurationError: for a prefix or a uid that cannot be, or on Python 3.10.
        MissingExtraError: if Grafana's builders are not installed.
    """
    check_prefix(prefix)
    if not datasource or not datasource.isprintable():
        raise ConfigurationError(f"data source {datasource!r:.60}: give the uid that Grafana has")
    try:
        from vitalspan.artifacts.grafana.dashboards import dashboards  # noqa: PLC0415
    except ImportError as missing:
        if (missing.name or "").partition(".")[0] != _SDK:
            raise
        if sys.version_info < (3, 11):
            raise ConfigurationError(
                "making dashboards needs Python 3.11 or newer, which Grafana's builders do: run it "
                "with one, or take those of vitalspan's repository, grafana/dashboards"
            ) from None
        raise MissingExtraError("making dashboards", "grafana") from None
    return dashboards(prefix, datasource)


def left_over(made: Mapping[str, str], directory: Path) -> list[Path]:
    """Return the dashboards in a directory that were vitalspan's and are not made any more.

    Args:
        made: the texts of all dashboards, by the names of their files.
        directory: where others may be.
    """
    uids = {_uid(text) for text in made.values()}
    others = [path for path in sorted(directory.glob("*.json")) if path.name not in made]
    found = [(path, _uid(_text(path))) for path in others]
    return [path for path, uid in found if uid.startswith(OURS) and uid not in uids]


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
