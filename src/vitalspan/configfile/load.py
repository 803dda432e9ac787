"""Loads a YAML file or text as nodes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vitalspan.configfile.nodes import Node, Place
from vitalspan.configfile.report import Report
from vitalspan.errors import MissingExtraError

MAX_BYTES: Final = 1024 * 1024
"""The size limit of a file in bytes: some ten thousand rules."""


def load_document(
    path: str | os.PathLike[str], report: Report, kind: str, extra: str, *, empty: str = ""
) -> Node:
    """Read a YAML file.

    Args:
        path: the file.
        report: receives the mistakes.
        kind: what the file is, such as `rule file`, for messages.
        extra: the extra of vitalspan that installs PyYAML.
        empty: what to write into a file that is empty on purpose. If given, a file without any text
            is a mistake: it may be truncated, perhaps while it is being rewritten.

    Returns:
        The document; for an empty file a scalar without content.

    Raises:
        ConfigFileError: if it cannot be read or is not YAML, with all mistakes so far.
        MissingExtraError: if PyYAML is not installed.
    """
    text = _read(Path(path), report, kind)
    report.check()
    if empty and not text.strip():
        report.wrong(Place(report.name), f"is empty: write {empty} if you mean that")
        report.check()
    return parse_document(text, report, kind, extra)


def load_documents(
    path: str | os.PathLike[str], report: Report, kind: str, extra: str
) -> list[Node]:
    """Return the documents in a YAML file that may have several.

    It has the arguments and exceptions of `load_document`.
    """
    text = _read(Path(path), report, kind)
    report.check()
    _require_yaml(kind, extra)
    from vitalspan.configfile.yaml_document import parse_all  # noqa: PLC0415 - it needs PyYAML

    return parse_all(text, report)


def parse_document(text: str, report: Report, kind: str, extra: str) -> Node:
    """Return the document in a YAML text; the arguments are those of `load_document`.

    Raises:
        ConfigFileError: if it is not YAML, with all mistakes so far.
        MissingExtraError: if PyYAML is not installed.
    """
    _require_yaml(kind, extra)
    from vitalspan.configfile.yaml_document import parse  # noqa: PLC0415 - it needs PyYAML

    return parse(text, report)


def _require_yaml(kind: str, extra: str) -> None:
    try:
        import yaml  # noqa: F401, PLC0415 - what is imported next needs it
    except ImportError:
        raise MissingExtraError(f"the {kind}", extra) from None


def _read(path: Path, report: Report, kind: str) -> str:
    place = Place(report.name)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        report.wrong(place, f"cannot be read: {reason}: use the path of a {kind}")
        return ""
    if len(content) > MAX_BYTES:
        report.wrong(place, f"is too large: use at most {MAX_BYTES} bytes")
        return ""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = report.after(content[: error.start].decode("utf-8-sig"))
        byte = content[error.start]
        report.wrong(place, f"the byte 0x{byte:02X} is not UTF-8: save the file as UTF-8")
        return ""
