"""The document of a request that was not answered."""

from __future__ import annotations

from dataclasses import dataclass


class NotFoundError(Exception):
    """A request for something that there is not; the message says why."""


@dataclass(frozen=True)
class Problem:
    """A request that was not answered.

    Attributes:
        error: what is wrong with it, and what to do.
    """

    error: str
