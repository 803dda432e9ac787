"""The directory of an export, whose files are written atomically or compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from vitalspan.artifacts.export import MARK
from vitalspan.errors import ConfigurationError

Search = Callable[[Mapping[str, str], Path], list[Path]]
"""A function that finds the files of an earlier export that are no longer exported."""


def nothing(files: Mapping[str, str], directory: Path) -> list[Path]:  # noqa: ARG001 - a Search
    """Return an empty list: nothing is removed."""
    return []


def rule_tests(files: Mapping[str, str], directory: Path) -> list[Path]:
    """Return test files that an earlier export of rules wrote, and that are not among the files."""
    others = sorted(path for path in directory.glob("tests-*.yml") if path.name not in files)
    return [path for path in others if (_content(path) or "").startswith(f"# {MARK}")]


def write(files: Mapping[str, str], directory: Path, left_over: Search = rule_tests) -> list[str]:
    """Write files, and remove those that an earlier export left.

    Args:
        files: the contents by name.
        directory: where to write them; it is created if necessary.
        left_over: finds the files to remove.

    Returns:
        A line for each file that says what happened to it.

    Raises:
        ConfigurationError: if the directory cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lines = [_write(directory / name, text) for name, text in files.items()]
        for path in left_over(files, directory):
            path.unlink()
            lines.append(f"{path}: removed")
    except OSError as refused:
        raise ConfigurationError(_cannot("be written", directory, refused)) from None
    return lines


def differences(
    files: Mapping[str, str], directory: Path, left_over: Search = rule_tests
) -> list[str]:
    """Return a line for each file in a directory that differs from an export.

    Args:
        files: the contents of the export by name.
        directory: where the files should be.
        left_over: finds the files that should not be there.

    Raises:
        ConfigurationError: if the directory cannot be read.
    """
    try:
        contents = [(directory / name, _content(directory / name), files[name]) for name in files]
        extra = left_over(files, directory)
    except OSError as refused:
        raise ConfigurationError(_cannot("be read", directory, refused)) from None
    return [
        *(f"{path}: missing" for path, content, _ in contents if content is None),
        *(f"{path}: differs" for path, content, text in contents if content not in (None, text)),
        *(f"{path}: no longer generated" for path in extra),
    ]


def _write(path: Path, text: str) -> str:
    if _content(path) == text:
        return f"{path}: unchanged"
    # Prometheus may be reading the file at this moment.
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return f"{path}: written"


def _content(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def _cannot(what: str, directory: Path, refused: OSError) -> str:
    reason = refused.strerror or str(refused)
    return f"{refused.filename or directory} cannot {what}: {reason}"
