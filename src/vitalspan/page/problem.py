"""The document of a request that was not answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A request that was not answered.

    Attributes:
        error: what is wrong with it, and what to do.
    """

    error: str
