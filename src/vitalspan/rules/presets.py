"""Presets: rule files that come with vitalspan."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.words import shown, suggestion

SUFFIX: Final = ".yml"
_FOLDER: Final = files("vitalspan.rules") / "presets"


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    files_there = (each.name for each in _FOLDER.iterdir())
    return tuple(sorted(one.removesuffix(SUFFIX) for one in files_there if one.endswith(SUFFIX)))


def text(name: str) -> str:
    """Return the text of a preset, with comments, as a starting point.

    Raises:
        ConfigurationError: for an unknown preset.
    """
    if name not in names():
        problem = f"there is no preset {shown(name)}: {suggestion(name, names())}"
        raise ConfigurationError(problem)
    return (_FOLDER / f"{name}{SUFFIX}").read_text(encoding="utf-8")
