"""Files of an export, in a directory: written whole or not at all, and compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from vitalspan.artifacts.export import MARK
from vitalspan.errors import ConfigurationError

Search = Callable[[Mapping[str, str], Path], list[Path]]
"""Finds what an earlier export wrote into a directory and one of these files does not."""


def nothing(files: Mapping[str, str], directory: Path) -> list[Path]:  # noqa: ARG001 - a Search
    """Return no file at all."""
    return []


def rule_tests(files: Mapping[str, str], directory: Path) -> list[Path]:
    """Return the test files of rules that an earlier export wrote."""
    others = sorted(path for path in directory.glob("tests-*.yml") if path.name not in files)
    return [path for path in others if (_content(path) or "").startswith(f"# {MARK}")]


def write(files: Mapping[str, str], directory: Path, left_over: Search = rule_tests) -> list[str]:
    """Write files, and remove those that an earlier export wrote and this one does not.

    Args:
        files: their contents, by name.
        directory: where to; it is made if it is not there.
        left_over: finds what is to be removed.

    Returns:
        A line for each file: what was done to it.

    Raises:
        ConfigurationError: for a directory that cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        told = [_written(directory / name, text) for name, text in files.items()]
        for path in left_over(files, directory):
            path.unlink()
            told.append(f"{path}: removed")
    except OSError as refused:
        raise ConfigurationError(_cannot("be written", directory, refused)) from None
    return told


def differences(
    files: Mapping[str, str], directory: Path, left_over: Search = rule_tests
) -> list[str]:
    """Return a line for each file in a directory that is not as an export would write it.

    Args:
        files: the contents that there should be, by name.
        directory: where they should be.
        left_over: finds what should not be there.

    Raises:
        ConfigurationError: for a directory that cannot be read.
    """
    try:
        found = [(directory / name, _content(directory / name), files[name]) for name in files]
        extra = left_over(files, directory)
    except OSError as refused:
        raise ConfigurationError(_cannot("be read", directory, refused)) from None
    return [
        *(f"{path}: missing" for path, content, _ in found if content is None),
        *(f"{path}: differs" for path, content, text in found if content not in (None, text)),
        *(f"{path}: not made any more" for path in extra),
    ]


def _written(path: Path, text: str) -> str:
    if _content(path) == text:
        return f"{path}: as before"
    _replace(path, text)
    return f"{path}: written"


def _replace(path: Path, text: str) -> None:
    # Prometheus may be reading it.
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _content(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def _cannot(what: str, directory: Path, refused: OSError) -> str:
    reason = refused.strerror or str(refused)
    return f"{refused.filename or directory} cannot {what}: {reason}"
