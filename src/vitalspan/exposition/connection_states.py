"""The states of this process's connections, from the kernel or from psutil."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from vitalspan.runtime.fork import imports_finish_first


def connection_states() -> list[str]:
    """Return the state of each TCP and UDP socket of this process, in lower case.

    Raises:
        Exception: of any type, if the platform does not provide them, or not to this user.
    """
    if sys.platform == "linux":
        with suppress(ImportError, OSError):
            # Imported here, because not every Python has ctypes.
            from vitalspan.exposition.socket_states import socket_states  # noqa: PLC0415

            return socket_states()
    with imports_finish_first:
        import psutil  # noqa: PLC0415 - importing it takes longer than importing vitalspan

    process: Any = psutil.Process()
    connections = getattr(process, "net_connections", None) or process.connections
    return [connection.status.lower() for connection in connections(kind="inet")]
