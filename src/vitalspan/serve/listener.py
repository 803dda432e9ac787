"""Opens the listening socket of a server."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from typing import Final

# The kernel keeps this many connections until they are accepted, and drops further ones, which
# clients retry after a second. The system's own limit is usually lower.
_BACKLOG: Final = 4096


def listen_on_first(addr: str, ports: Sequence[int]) -> socket.socket:
    """Listen on the first free port of several.

    Raises:
        OSError: if none is free; the message names the address and the ports.
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
    """Open a non-blocking socket that listens on an address.

    Args:
        addr: an IPv4 or IPv6 address or a host name; `::` includes IPv4 where the system can.
        port: the TCP port; 0 for a free one.

    Raises:
        OSError: if the address cannot be used; the message names it and the port.
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
            # The message of create_server() would repeat the address.
            reason = os.strerror(number) if number > 0 else str(error.strerror)
        message = f"cannot serve metrics at {where}: {reason}; choose another port or addr"
        raise OSError(number, message) from None
    listener.settimeout(0)
    # Connections inherit this: the last part of a response is sent without waiting for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
