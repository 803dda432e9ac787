"""Serving the metrics of a program, whatever processes it runs in."""

from __future__ import annotations

import atexit
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
    """Return the same with a directory for the counts of all processes, if it needs one.

    This process is going to be the program, so it removes the directory in the end.
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


def serve(port: str, addr: str, workers: str, owner: int) -> None:
    """Serve the metrics of all processes of the program, unless another one of them does.

    Args:
        port: one, or several such as `9464-9473`.
        addr: its address.
        workers: the directory of the processes; empty leaves that to the variables.
        owner: the id of the process that removes the directory at its end; 0 keeps it.
    """
    # Importing these takes as long as importing a small program.
    from vitalspan.default import configure  # noqa: PLC0415
    from vitalspan.serve.server import start_http_server  # noqa: PLC0415

    if workers:
        if owner == os.getpid():
            atexit.register(_remove, workers, owner)
        configure(workers=workers)
    start_http_server(int(port) if port.isdecimal() else port, addr)


def _remove(directory: str, owner: int) -> None:
    # Forked children have inherited what is done at exit.
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)
