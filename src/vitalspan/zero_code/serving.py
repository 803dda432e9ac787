"""Serves the metrics of a program, whatever processes it runs in."""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vitalspan.zero_code.instrumentation import Instrumentation

_DIRECTORIES: Final = ("VITALSPAN_WORKERS", "PROMETHEUS_MULTIPROC_DIR")
"""Variables that name the directory in which processes share their counts."""


def with_directory(
    instrumentation: Instrumentation, environ: Mapping[str, str] = os.environ
) -> Instrumentation:
    """Return the instrumentation with a directory for the metrics of all processes, if needed.

    This process becomes the program, so it removes the directory at exit.
    """
    if (
        not instrumentation.port
        or os.name == "nt"
        or any(environ.get(name) for name in _DIRECTORIES)
    ):
        return instrumentation
    return replace(
        instrumentation, workers=tempfile.mkdtemp(prefix="vitalspan-"), owner=os.getpid()
    )


def is_taken(port: str, addr: str) -> bool:
    """Return whether a single port is taken by another program, as far as can be told."""
    # Imported here, because the processes of the program do not ask.
    from vitalspan.serve.listener import listen  # noqa: PLC0415

    if not port.isdecimal():
        return False
    try:
        listen(addr, int(port)).close()
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False


def serve(port: str, addr: str, workers: str, owner: int) -> None:
    """Serve the metrics of all processes of the program, unless another one already does.

    Args:
        port: a port, or a range such as `9464-9473`.
        addr: the address to listen on.
        workers: the directory of the processes; if empty, the environment variables decide.
        owner: the id of the process that removes the directory at exit; 0 keeps it.
    """
    # Importing these takes as long as importing a small program.
    from vitalspan.default import configure  # noqa: PLC0415
    from vitalspan.serve.server import start_http_server  # noqa: PLC0415

    if workers:
        if owner == os.getpid():
            atexit.register(remove_directory, workers, owner)
        configure(workers=workers)
    start_http_server(int(port) if port.isdecimal() else port, addr)


def remove_directory(directory: str, owner: int) -> None:
    """Remove a directory of `with_directory`, if this process is its owner."""
    # Forked children inherit the exit handlers.
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)
