"""Paths of source files for display, without the directories of a machine."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import PurePath


def short_path(filename: str) -> str:
    """Return the path of a file relative to the longest entry of `sys.path` that contains it.

    If there is none, only the parent directory is kept.
    """
    if not filename or filename.startswith("<"):
        return filename
    return _below(filename, tuple(sys.path))


@lru_cache(maxsize=1024)
def _below(filename: str, entries: tuple[str, ...]) -> str:
    path = PurePath(filename)
    folders = [PurePath(entry) for entry in entries if entry]
    within = [folder for folder in folders if path.is_relative_to(folder)]
    if within:
        return path.relative_to(max(within, key=lambda folder: len(folder.parts))).as_posix()
    return "/".join(one for one in path.parts[-2:] if one != path.anchor)
