"""The dashboards that are looked at: those of a directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitalspan.errors import ConfigurationError


def of_texts(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return dashboards from their JSON.

    Args:
        texts: by the names of their files.

    Raises:
        ConfigurationError: for what is no dashboard.
    """
    return [_dashboard(name, text) for name, text in texts.items()]


def of_directory(directory: Path) -> list[dict[str, Any]]:
    """Return the dashboards in the JSON files of a directory.

    Raises:
        ConfigurationError: for a directory that cannot be read or has none, or for what is no
            dashboard.
    """
    try:
        # A directory that is not there has no files either.
        next(directory.iterdir(), None)
        texts = {
            str(path): path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(directory.glob("*.json"))
        }
    except OSError as refused:
        reason = refused.strerror or str(refused)
        raise ConfigurationError(
            f"{refused.filename or directory} cannot be read: {reason}"
        ) from None
    if not texts:
        raise ConfigurationError(f"{directory} has no dashboards: no *.json is there")
    return of_texts(texts)


def _dashboard(name: str, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise ConfigurationError(f"{name} is not JSON: {wrong}") from None
    if not isinstance(content, dict) or not isinstance(content.get("panels"), list):
        raise ConfigurationError(
            f"{name} is no dashboard in Grafana's classic JSON, which has panels"
        )
    _check_lists(name, content)
    return content


def _check_lists(name: str, content: dict[str, Any]) -> None:
    """Refuse what stands in place of panels, targets, variables and annotations."""
    panels = content["panels"]
    rows = [one.get("panels", []) for one in panels if isinstance(one, dict)]
    nested = [one for row in rows if isinstance(row, list) for one in row]
    lists = [panels, *rows]
    lists += [one.get("targets", []) for one in (*panels, *nested) if isinstance(one, dict)]
    for part in ("templating", "annotations"):
        inner = content.get(part) or {}
        lists.append(inner.get("list", []) if isinstance(inner, dict) else inner)
    for found in lists:
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise ConfigurationError(
                f"{name} is no dashboard in Grafana's classic JSON: its panels, targets, variables "
                "and annotations have to be lists of objects"
            )
