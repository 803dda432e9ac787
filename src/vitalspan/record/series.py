"""The cells of one monitor, by component, operation and declared labels."""

from __future__ import annotations

import threading
from typing import Final

from vitalspan.names import OVERFLOW
from vitalspan.record.cell import Cell
from vitalspan.record.faults import logger
from vitalspan.record.judge import Judge
from vitalspan.record.labels import Labels

Key = tuple[str, str, Labels]

_OVERFLOW_KEY: Final[Key] = (OVERFLOW, OVERFLOW, ())


class Series:
    """A bounded table of cells.

    Args:
        limit: how many distinct sets of operation labels get a cell of their own.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.overflows = 0
        self.cells: dict[Key, Cell] = {}
        self.judges: tuple[Judge, ...] = ()
        self._overflow: Cell | None = None
        # Re-entrant, since a signal handler may define an operation while one is being defined.
        self._lock = threading.RLock()

    def cell(self, component: str, operation: str, labels: Labels) -> Cell:
        """Return the cell for a set of labels, or the overflow cell when there are too many."""
        key = (component, operation, labels)
        found = self.cells.get(key)
        if found is not None:
            return found
        with self._lock:
            found = self.cells.get(key)
            if found is None and key != _OVERFLOW_KEY and len(self.cells) < self.limit:
                found = self.cells[key] = self._judged(Cell(component, operation, labels))
        return self._refused() if found is None else found

    def all(self) -> list[Cell]:
        """Return every cell, the overflow cell last."""
        cells = list(self.cells.values())
        return cells if self._overflow is None else [*cells, self._overflow]

    def is_overflow(self, cell: Cell) -> bool:
        """Whether a cell is the one that takes what has no cell of its own."""
        return cell is self._overflow

    def reset(self) -> None:
        """Set every count to zero, with a lock that no other thread can hold."""
        self._lock = threading.RLock()
        self.overflows = 0
        for cell in self.all():
            cell.zero()
        for judge in self.judges:
            judge.reset()

    def judge_by(self, judges: tuple[Judge, ...]) -> None:
        """Let judges count the calls of the series they select, those of new series as well."""
        with self._lock:
            self.judges = judges
            for cell in self.all():
                self._judged(cell)

    def _judged(self, cell: Cell) -> Cell:
        if self.judges or cell.judges:
            labels = cell.all_labels()
            cell.judges = tuple(judge for judge in self.judges if judge.selects(labels))
        return cell

    def _refused(self) -> Cell:
        with self._lock:
            first = self._overflow is None
            cell = self._overflow = self._overflow or self._judged(Cell(*_OVERFLOW_KEY))
            self.overflows += 1
        # Not under the lock, which a handler of another thread may want while it holds its own.
        if first:
            logger.warning(
                "more than %d distinct sets of operation labels: further ones are recorded as %s; "
                "raise max_series, or use attributes for values without bound",
                self.limit,
                OVERFLOW,
            )
        return cell
