"""Checks how far Python's recursion limit is away."""

from __future__ import annotations


def find_room(calls: int) -> None:
    """Raise RecursionError if fewer than `calls` further nested calls are possible."""
    if calls:
        find_room(calls - 1)
