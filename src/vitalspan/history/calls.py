"""What the calls of one series were like, over time."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Final

from vitalspan.history.track import Track
from vitalspan.record.cell import Cell

ERROR_COLUMN: Final = "error:"
"""How the columns begin that count the errors of one type."""


class CallTrack(Track):
    """The counters of a cell, and how many calls fell into which bucket of the fine grid.

    An entry has the buckets of the calls since the entry before it, none of them empty.
    """

    __slots__ = ("_calls", "_ends", "_indexes", "cell")

    def __init__(self, cell: Cell, base: Mapping[str, float] | None = None) -> None:
        super().__init__(cell.all_labels(), base)
        self.cell = cell
        self._ends = array("I")
        self._indexes = array("B")
        self._calls = array("I")

    def note(self, now: float, fresh: Mapping[int, int]) -> None:
        """Note how the cell stands at a tick.

        Args:
            now: the tick.
            fresh: calls by bucket, those since the tick before.
        """
        cell = self.cell
        values: dict[str, float] = {"count": cell.count, "total": cell.total}
        if cell.errors:
            values["errors"] = sum(cell.errors.values())
            for error_type, count in cell.errors.items():
                values[ERROR_COLUMN + error_type] = count
        if cell.cancellations:
            values["cancellations"] = cell.cancellations
        if cell.measured:
            values["cpu_seconds"] = cell.cpu_seconds
            values["memory_growth"] = cell.memory_growth
        for name, amount in cell.measures.items():
            values[f"measure:{name}"] = amount
        self.append(now, values)
        self._indexes.extend(fresh.keys())
        self._calls.extend(fresh.values())
        self._ends.append(len(self._indexes))

    def add_buckets(self, sums: list[int], first: int, after: int, sign: int = 1) -> None:
        """Add the calls of entries, by bucket, to sums or take them away again.

        Args:
            sums: one for each bucket of the fine grid.
            first: the first entry.
            after: the one after the last.
            sign: 1 or -1.
        """
        if first >= after:
            return
        ends = self._ends
        begin, end = (ends[first - 1] if first else 0), ends[after - 1]
        for bucket, calls in zip(self._indexes[begin:end], self._calls[begin:end], strict=True):
            sums[bucket] += sign * calls

    def _keep(self, kept: Sequence[int], first: int) -> None:
        indexes, calls, ends = array("B"), array("I"), array("I")
        done = self._ends[first - 1] if first else 0
        for entry in kept:
            end = self._ends[entry]
            merged: dict[int, int] = {}
            for bucket, count in zip(self._indexes[done:end], self._calls[done:end], strict=True):
                merged[bucket] = merged.get(bucket, 0) + count
            indexes.extend(merged.keys())
            calls.extend(merged.values())
            ends.append(len(indexes))
            done = end
        self._indexes, self._calls, self._ends = indexes, calls, ends
        super()._keep(kept, first)
