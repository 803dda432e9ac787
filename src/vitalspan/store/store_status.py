"""The status of a store, for its metrics."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class StoreStatus:
    """The status of a store.

    Attributes:
        name: the name of the store.
        writes: the number of batches by result: `written` or `failed`.
        seconds: the seconds that writing took.
        unwritten: the seconds of the past that are only in memory.
        dropped: the records that were dropped, because too many were waiting.
        size: the size in bytes; None if it is not known.
        fault: why the last write failed; empty if it did not.
    """

    name: str
    writes: dict[str, int] = field(default_factory=lambda: {"written": 0, "failed": 0})
    seconds: float = 0.0
    unwritten: float = 0.0
    dropped: int = 0
    size: int | None = None
    fault: str = ""
