"""Files in a shared directory, which other users can neither read nor redirect."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from errno import EACCES
from pathlib import Path


def make_directory(path: Path) -> None:
    """Create a directory for this user only, unless it exists.

    Raises:
        OSError: if it cannot be created, or anybody may write to it and another user owns it.
    """
    path.mkdir(0o700, parents=True, exist_ok=True)
    if is_exposed(path):
        raise PermissionError(EACCES, "it belongs to another user, and any user may write to it")


def is_exposed(path: Path) -> bool:
    """Whether any user may write to a directory that this user does not own."""
    try:
        state = path.stat()
    except OSError:
        return False
    return bool(state.st_mode & stat.S_IWOTH) and state.st_uid != os.geteuid()


def open_file(path: str | Path, flags: int) -> int:
    """Open a file like `os.open`, but refuse symbolic links; this can be an opener for `open`.

    A new file is only accessible by this user, or also by the group if that may write to the
    directory, as when several users share a directory with the setgid bit.

    Raises:
        OSError: if it cannot be opened.
    """
    file = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if flags & os.O_CREAT:
        with suppress(OSError):
            if Path(path).parent.stat().st_mode & stat.S_IWGRP:
                # Independent of the umask. It fails for another user's file, which has this mode
                # already.
                os.fchmod(file, 0o660)
    return file


def read_file(path: Path) -> bytes:
    """Return the content of a file, which must not be a symbolic link.

    Raises:
        OSError: if it cannot be read.
    """
    with open(path, "rb", opener=open_file) as file:
        return file.read()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that no reader finds half of it.

    Raises:
        OSError: if it cannot be written; the file stays as it was.
    """
    unfinished = path.with_suffix(".new")
    with open(unfinished, "wb", opener=open_file) as file:
        file.write(content)
    unfinished.replace(path)
