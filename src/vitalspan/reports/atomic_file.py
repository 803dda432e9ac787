"""Writes files completely or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

UNFINISHED: Final = ".vitalspan-report-"
"""The prefix of the names of unfinished files."""


def write_atomically(path: Path, text: str) -> None:
    """Write a file under another name, and rename it once it is on the disk.

    Args:
        path: the path of the file; its directory exists.
        text: the content, which is written as UTF-8.

    Raises:
        OSError: if that fails; nothing is left behind, and an older file is not changed.
    """
    unfinished = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
    try:
        with unfinished.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError) and error.filename == str(unfinished):
            error.filename = str(path)
        raise
