"""Resident memory and CPU time of a call, measured only if that is cheap compared to the call."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Final

from vitalspan.runtime.fork import imports_finish_first

_STATM: Final = "/proc/self/statm"

_SHARE: Final = 0.005
"""The share of a call's time that measuring it may cost by default."""

_LEAST: Final = 0.001
"""Seconds below which a call is never measured by default, however fast the readings are."""

_COLD: Final = 10
"""How many times more two readings and their overhead cost in a real call, whose work has evicted
the processor's caches, than they do in a loop."""

thread_cpu = getattr(time, "thread_time", time.process_time)
"""Returns the CPU seconds of the calling thread."""


class ResourceMeter:
    """Reads this process's resident memory.

    On Linux it keeps the kernel's file open, elsewhere it uses psutil.
    """

    def __init__(self) -> None:
        self._file = -1
        self._opened = (0, 0)
        self._page = 4096
        self._worthwhile: float | None = None

    def rss(self) -> int:
        """Return resident memory in bytes."""
        if self._file >= 0 or self._open():
            try:
                return self._statm()
            except (OSError, ValueError, IndexError):
                # Daemons close all files when they start.
                self._file = -1
                if self._open():
                    return self._statm()
        return self._psutil_rss()

    @property
    def worthwhile(self) -> float:
        """The duration in seconds from which on two readings cost less than 0.5 % of a call.

        If nothing can be read, no call is long enough.
        """
        if self._worthwhile is None:
            try:
                self._worthwhile = max(_LEAST, self._cost() / _SHARE)
            except Exception:  # noqa: BLE001 - the user's call must not fail
                self._worthwhile = float("inf")
        return self._worthwhile

    def close(self) -> None:
        """Close the kernel's file; the next reading opens it again.

        A forked child has to do this, because its copy still reads the parent's memory.
        """
        file, self._file = self._file, -1
        if file >= 0:
            # If a daemon has closed every file, another file may have this number now.
            with suppress(OSError):
                if _identity(file) == self._opened:
                    os.close(file)

    def __del__(self) -> None:
        # A monitor that nobody closes must not leave an open file behind. When the interpreter
        # exits, the functions for closing it may be gone.
        with suppress(Exception):
            self.close()

    def _statm(self) -> int:
        return int(os.pread(self._file, 80, 0).split()[1]) * self._page

    def _open(self) -> bool:
        try:
            self._page = os.sysconf("SC_PAGE_SIZE")
            file = os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC)
            self._opened = _identity(file)
            self._file = file
        except (OSError, AttributeError, ValueError):
            return False
        return True

    def _psutil_rss(self) -> int:
        with imports_finish_first:
            # Importing psutil takes longer than the whole of vitalspan.
            import psutil  # noqa: PLC0415

        return int(psutil.Process().memory_info().rss)

    def _cost(self) -> float:
        self.rss()
        rounds = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(2):
                self.rss()
                thread_cpu()
            rounds.append(time.perf_counter() - began)
        return _COLD * min(rounds)


def _identity(file: int) -> tuple[int, int]:
    status = os.fstat(file)
    return status.st_dev, status.st_ino
