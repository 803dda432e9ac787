"""The election of the one process that does something for all: evaluates rules, or pushes."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from vitalspan.runtime import fork
from vitalspan.workers.private_files import make_directory, open_file

LEADER: Final = "leader"
PUSHER: Final = "otlp-leader"
"""The files whose locks say who evaluates rules and health, and who pushes metrics."""

_UNUSABLE: Final = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ELOOP),
        *(errno.ENOSPC, errno.EDQUOT),
    }
)
"""Errors of a directory that no process can use. Others, such as too many open files, are those of
this process, and another one may lead."""


class Leadership:
    """A lock that one process holds, and that the operating system takes back when it dies.

    Args:
        directory: the directory that the processes share.
        name: of the file that is locked.
    """

    def __init__(self, directory: Path, name: str = LEADER) -> None:
        self._path = directory / name
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process leads."""
        return self._file is not None

    def acquire(self) -> bool:
        """Lead, unless another process does; return whether this process leads.

        Where the directory cannot be written to, each process leads itself.
        """
        if self._file is not None and os.fstat(self._file).st_nlink:
            return True
        # Somebody has removed the file, and another process may lock a new one.
        self.release()
        # A child that was forked meanwhile would not know of the lock, and keep it.
        with fork.imports_finish_first:
            return self._lock()

    def _lock(self) -> bool:
        try:
            make_directory(self._path.parent)
            file = open_file(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            return error.errno in _UNUSABLE
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        with suppress(OSError):
            # For people, who want to know which process it is.
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file
        return True

    def release(self) -> None:
        """Stop leading. In a forked child this leaves the lock to the parent."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._file = None
