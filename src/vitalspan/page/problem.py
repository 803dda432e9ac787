"""The document for a request that failed."""

from __future__ import annotations

from dataclasses import dataclass


class NotFoundError(Exception):
    """The requested object does not exist; the message says why."""


@dataclass(frozen=True)
class Problem:
    """A request that failed.

    Attributes:
        error: what is wrong with it, and what to do.
    """

    error: str
