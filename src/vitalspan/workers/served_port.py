"""The worker that serves a port for all, as it shows in the shared directory.

The others read there whether a port that is taken is served by one of them. This only decides what
they say about it, so an id that another process has got since then does no harm.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from vitalspan.workers.private_files import make_directory, read_file, replace_file


def note_server(directory: Path, port: int) -> None:
    """Note that this process serves a port; where that is not possible, nothing happens."""
    with suppress(OSError):
        make_directory(directory)
        replace_file(_path(directory, port), f"{os.getpid()}\n".encode())


def is_served(directory: Path, port: int) -> bool:
    """Return whether a living worker has noted a port, also where this cannot be found out."""
    try:
        pid = int(read_file(_path(directory, port)))
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except (OSError, ValueError, OverflowError):
        return True
    return True


def _path(directory: Path, port: int) -> Path:
    return directory / f"http-{port}"
