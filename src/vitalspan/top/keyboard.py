"""Reads the keys of a terminal, one by one and without an echo."""

from __future__ import annotations

import contextlib
import os
import re
import select
import termios
import tty
from collections.abc import Iterator
from typing import Final

_NAMES: Final = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b[5~": "pageup",
    "\x1b[6~": "pagedown",
    "\x1b": "escape",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x04": "q",
}
_KEY: Final = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])?|[^\x1b]", re.DOTALL)


def keys_in(text: str) -> Iterator[str]:
    """Yield the keys in a terminal's input: characters, or names such as `up`.

    Keys without a name, such as function keys, are ignored completely.
    """
    for key in _KEY.findall(text):
        if key in _NAMES or len(key) == 1:
            yield _NAMES.get(key, key)


class Keyboard:
    """Reads keys from a terminal.

    Args:
        descriptor: the file descriptor of the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @contextlib.contextmanager
    def unbuffered(self) -> Iterator[None]:
        """Read keys without buffering, until the block ends."""
        before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor)
        try:
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)

    def keys(self, timeout: float) -> list[str]:
        """Return the pressed keys; wait for one for at most this many seconds."""
        ready, _, _ = select.select([self._descriptor], [], [], max(0.0, timeout))
        if not ready:
            return []
        data = os.read(self._descriptor, 1024)
        # A closed terminal returns an empty text forever.
        return list(keys_in(data.decode("utf-8", "ignore"))) if data else ["q"]
