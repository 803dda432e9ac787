"""The election of a leader, the process that evaluates rules or pushes metrics for all."""

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
"""The lock files of the leader that evaluates rules and health, and of the one that pushes."""

_UNUSABLE: Final = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ELOOP),
        *(errno.ENOSPC, errno.EDQUOT),
    }
)
"""Errors that affect every process that uses the directory. Others, such as too many open files,
only affect this process, and another one may lead."""


def leader_of(directory: Path) -> int | None:
    """Return the id of the process that led last, and leads if it is alive; None without one."""
    with suppress(OSError, ValueError):
        return int((directory / LEADER).read_text("ascii"))
    return None


class Leadership:
    """A lock that one process holds, and that the operating system releases when it dies.

    Args:
        directory: the shared directory of the processes.
        name: the name of the lock file.
    """

    def __init__(self, directory: Path, name: str = LEADER) -> None:
        self._path = directory / name
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process leads."""
        return self._file is not None

    def acquire(self) -> bool:
        """Become the leader unless another process is; return whether this process leads.

        If the directory cannot be written to, each process leads itself.
        """
        if self._file is not None and os.fstat(self._file).st_nlink:
            return True
        # The file has been removed, and another process may lock a new one.
        self.release()
        # A child that is forked in the meantime would keep the lock without knowing it.
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
            # The process id in the file is information for people.
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file
        return True

    def release(self) -> None:
        """Stop leading. In a forked child, the parent keeps the lock."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._file = None
