"""Watches: the next calls of an operation, kept as they end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vitalspan.recording.call_record import Record

MOST_CALLS: Final = 100
"""The maximum number of calls that one watch keeps."""

MOST_WATCHES: Final = 8
"""The maximum number of watches of one monitor; a further one replaces the oldest."""


class CallWatch:
    """Collects the first calls of an operation that end within some time.

    A watch ends by itself, once it has its calls or sees a call that ended too late.

    Args:
        operation: the operation's name.
        component: the component's name; None for operations of that name in any component.
        calls: how many to keep.
        begin: calls that ended before this are ignored, in seconds on the steady clock.
        end: calls that ended at this time or later are ignored, in seconds on the steady clock.
    """

    def __init__(
        self, operation: str, component: str | None, calls: int, begin: float, end: float
    ) -> None:
        self.operation = operation
        self.component = component
        self.most = min(calls, MOST_CALLS)
        self.begin = begin
        self.end = end
        self.ended = False
        self._kept: list[Record] = []

    def offer(self, batch: Iterable[Record]) -> None:
        """Keep the watched calls among some finished ones."""
        kept = self._kept
        for record in batch:
            ended_at = record[0] + record[1]
            if ended_at >= self.end:
                self.ended = True
            elif ended_at >= self.begin:
                series = ((len(record) > 3 and record[3].site) or record[2]).series
                if series.operation == self.operation and self.component in (
                    None,
                    series.component,
                ):
                    kept.append(record)
        if len(kept) >= self.most:
            # A batch is ordered by start times.
            self._kept = sorted(kept, key=end_of)[: self.most]
            self.ended = True

    def calls(self) -> list[Record]:
        """Return the calls so far in the order of their ends."""
        return sorted(self._kept, key=end_of)


def end_of(record: Record) -> float:
    """Return when the call of a record ended, on the steady clock."""
    seconds: float = record[0] + record[1]
    return seconds
