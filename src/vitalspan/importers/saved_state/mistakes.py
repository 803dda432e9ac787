"""Mistakes in files of saved state."""

from __future__ import annotations


class Mistake(Exception):  # noqa: N818 - what it is
    """Something invalid in a file.

    Args:
        line: the line in the file, from 1.
        text: what is wrong.
    """

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text
