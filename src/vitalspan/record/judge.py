"""Calls judged one by one, where buckets would be too coarse: the events of an SLO."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vitalspan.record.details import CANCELLED, ERROR, Record


class Judge:
    """Counts calls and those of them that are bad. Cancelled calls are not judged.

    Counting is done by the folds, under their lock.

    Args:
        selects: whether a series' calls are judged, by its labels.
        objective: the share of events that shall be good.
        under: seconds that a good call takes at most; None asks for calls that did not raise.
    """

    __slots__ = ("bad", "events", "objective", "selects", "under")

    def __init__(
        self,
        selects: Callable[[dict[str, str]], bool],
        objective: float,
        under: float | None = None,
    ) -> None:
        self.selects = selects
        self.objective = objective
        self.under = under
        self.reset()

    def reset(self) -> None:
        """Begin anew from zero."""
        self.events = 0
        self.bad = 0

    def judge(self, batch: Iterable[Record]) -> None:
        """Count finished calls."""
        under = self.under
        for record in batch:
            outcome = record[3].outcome if len(record) > 3 else None
            if outcome == CANCELLED:
                continue
            self.events += 1
            self.bad += (outcome == ERROR) if under is None else (record[1] > under)

    def counts(self) -> dict[str, float]:
        """Return the numbers so far."""
        return {"events": self.events, "bad": self.bad}
