"""The lock of a shared directory, for actions that only one process at a time may take."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vitalspan.workers.private_files import open_file

LOCK: Final = "lock"
"""The name of the lock file."""

_RETRY: Final = 0.005


@contextmanager
def locked(directory: Path, patience: float) -> Iterator[None]:
    """Hold the lock of a directory.

    Args:
        directory: the directory.
        patience: seconds to wait for another process.

    Raises:
        OSError: if another process holds it longer, or the directory cannot be written to.
    """
    file = open_file(directory / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_RETRY)
        try:
            yield
        finally:
            # A child that was forked in the meantime shares the open file, so closing it would not
            # unlock it.
            fcntl.flock(file, fcntl.LOCK_UN)
    finally:
        os.close(file)
