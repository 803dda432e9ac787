"""Room for further calls before Python's recursion limit."""

from __future__ import annotations


def find_room(calls: int) -> None:
    """Raise RecursionError where not so many calls within calls are possible any more."""
    if calls:
        find_room(calls - 1)
