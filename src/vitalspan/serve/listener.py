"""Opens the socket that a server listens on."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from typing import Final

# The kernel holds that many connections until they are accepted, and drops what is beyond: a
# client then tries again after a second. The system's own limit is mostly lower.
_BACKLOG: Final = 4096


def listen_on_first(addr: str, ports: Sequence[int]) -> socket.socket:
    """Listen on the first port of several that nobody else listens on.

    Raises:
        OSError: if that fails; the message names the address and the ports.
    """
    for port in ports:
        try:
            return listen(addr, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or len(ports) == 1:
                raise
    message = f"cannot serve metrics at {addr}: every port from {ports[0]} to {ports[-1]} is taken"
    raise OSError(errno.EADDRINUSE, message)


def listen(addr: str, port: int) -> socket.socket:
    """Listen on an address; the socket does not block.

    Args:
        addr: an IPv4 or IPv6 address or a host name; `::` takes IPv4 as well where it can.
        port: the TCP port; 0 for a free one.

    Raises:
        OSError: if that fails; the message names the address and the port.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            addr or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        dual = address[0] == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server(
            address, family=family, backlog=_BACKLOG, dualstack_ipv6=dual
        )
    except (OSError, ValueError) as error:
        where = f"[{addr}]:{port}" if ":" in addr else f"{addr}:{port}"
        number, reason = errno.EINVAL, str(error)
        if isinstance(error, OSError) and error.errno:
            number = error.errno
            # What create_server() says in its own words names the address a second time.
            reason = os.strerror(number) if number > 0 else str(error.strerror)
        message = f"cannot serve metrics at {where}: {reason}; choose another port or addr"
        raise OSError(number, message) from None
    listener.settimeout(0)
    # Connections inherit it: the end of a response does not wait until its beginning has arrived.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
