"""The states of this process's TCP and UDP sockets, as Linux knows them.

psutil looks them up in tables of all sockets of the machine. Where thousands of connections are
open, or have ended within the last minute, these take a scrape tens of milliseconds. Here the
kernel is asked about the file descriptors of this process only, which takes a few microseconds for
each.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from typing import Final

_STATES: Final = {
    1: "established",
    2: "syn_sent",
    3: "syn_recv",
    4: "fin_wait1",
    5: "fin_wait2",
    6: "time_wait",
    8: "close_wait",
    9: "last_ack",
    10: "listen",
    11: "closing",
}
"""The kernel's states, but for that of sockets that neither are connected nor listen."""


def socket_states() -> list[str]:
    """Return the state of each socket, in lower case as psutil names it; `none` for UDP.

    Raises:
        OSError: if /proc does not list the file descriptors of the process.
    """
    with os.scandir("/proc/self/fd") as entries:
        descriptors = [int(entry.name) for entry in entries]
    option = _Option()
    states = (_state(descriptor, option) for descriptor in descriptors)
    return [state for state in states if state is not None]


def _state(descriptor: int, option: _Option) -> str | None:
    # The state is the first byte of this structure.
    number = option.read(descriptor, socket.IPPROTO_TCP, socket.TCP_INFO, size=1)
    if number is not None:
        return _STATES.get(number)
    protocol = option.read(descriptor, socket.SOL_SOCKET, socket.SO_PROTOCOL)
    if protocol != socket.IPPROTO_UDP:
        return None
    family = option.read(descriptor, socket.SOL_SOCKET, socket.SO_DOMAIN)
    return "none" if family in {socket.AF_INET, socket.AF_INET6} else None


class _Option:
    """Reads options of sockets by their file descriptors.

    A `socket` object would own the descriptor, or a copy of it. The one could close a socket of the
    program, and the other would keep it open for a moment.
    """

    def __init__(self) -> None:
        # This keeps the interpreter lock: other threads would take it for longer than a call lasts.
        self._getsockopt = ctypes.PyDLL(None).getsockopt
        self._value = ctypes.create_string_buffer(4)
        self._size = ctypes.c_uint()

    def read(self, descriptor: int, level: int, option: int, *, size: int = 4) -> int | None:
        """Return an option, or its first bytes; None if the descriptor does not have it."""
        self._size.value = size
        pointer = ctypes.byref(self._size)
        if self._getsockopt(descriptor, level, option, self._value, pointer) != 0:
            return None
        return int.from_bytes(self._value.raw[:size], sys.byteorder)
