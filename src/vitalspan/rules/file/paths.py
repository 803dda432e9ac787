"""Finds the rule files for paths, directories and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

RulePath = str | os.PathLike[str]
"""A rule file, a directory of rule files, or a pattern such as `rules/*.yml`."""

_SUFFIXES: Final = (".yml", ".yaml")


def absolute_paths(paths: RulePath | Iterable[RulePath] | None) -> tuple[Path, ...]:
    """Return one or several paths as absolute ones; empty for None."""
    if paths is None:
        return ()
    if isinstance(paths, (str, os.PathLike)):
        paths = (paths,)
    return tuple(Path(path).absolute() for path in paths)


def rule_file_paths(paths: RulePath | Iterable[RulePath]) -> tuple[Path, ...]:
    """Return the files for some paths, without duplicates, in order and then by name.

    A directory stands for its `*.yml` and `*.yaml` files, without subdirectories, like the
    directories of rule files for Prometheus; a pattern stands for the files that match it. Any
    other path stands for itself, so that reading it reports what is wrong.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = (paths,)
    files: dict[Path, None] = {}
    for path in map(Path, paths):
        files.update(dict.fromkeys(_files_of(path)))
    return tuple(files)


def _files_of(path: Path) -> list[Path]:
    try:
        if path.is_dir():
            return sorted(file for file in path.iterdir() if _is_rule_file(file))
        if not path.exists() and glob.has_magic(str(path)):
            return sorted(Path(match) for match in glob.glob(str(path)))  # noqa: PTH207 - absolute
    except (OSError, ValueError):
        # A directory that cannot be listed cannot be read either, which is reported.
        pass
    return [path]


def _is_rule_file(path: Path) -> bool:
    return path.suffix in _SUFFIXES and not path.name.startswith(".") and not path.is_dir()
