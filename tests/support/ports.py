"""Free ports of the loopback address."""

from __future__ import annotations

import random
import socket
from typing import Final

_OURS: Final = range(20_000, 32_000)
"""Systems pick ports above these for clients, and for servers that ask for any port. A port from
here is still free when a program that is started with it gets round to using it."""


def free_port() -> int:
    """Return a free port of the loopback address that no other program is given by chance."""
    # The state of `random` itself is the same in many tests.
    for port in random.SystemRandom().sample(_OURS, 100):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("none of 100 ports is free")
