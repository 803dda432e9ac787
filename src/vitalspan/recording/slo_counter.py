"""Counts the events of an SLO call by call, for SLOs that buckets are too coarse for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from vitalspan.recording.call_record import CANCELLED, ERROR, Record


class SloCounter:
    """Counts calls, and the bad ones among them. Cancelled calls are not judged.

    The aggregator does the counting, under its lock.

    Args:
        selects: returns whether a series' calls are judged, by its labels.
        objective: the ratio of events that should be good.
        under: the maximum duration of a good call in seconds; None counts calls that did not raise.
        is_good: returns whether a series' calls are good, by its labels; None judges each call.
        by: labels whose values are counted separately.
        definition: distinguishes it from counters of the same name in other processes.
    """

    __slots__ = (
        "_parts",
        "bad",
        "by",
        "definition",
        "events",
        "is_good",
        "objective",
        "selects",
        "under",
    )

    def __init__(
        self,
        selects: Callable[[dict[str, str]], bool],
        objective: float,
        under: float | None = None,
        is_good: Callable[[dict[str, str]], bool] | None = None,
        by: tuple[str, ...] = (),
        *,
        definition: str = "",
    ) -> None:
        self.selects = selects
        self.definition = definition
        self.by = by
        self._parts: dict[tuple[str, ...], SloCounter] = {}
        self.is_good = is_good
        self.objective = objective
        self.under = under
        self.reset()

    def reset(self) -> None:
        """Start over from zero."""
        self.events = 0
        self.bad = 0
        for part in self.parts.values():
            part.reset()

    @property
    def parts(self) -> dict[tuple[str, ...], SloCounter]:
        """The counters by the values of the labels that separate budgets."""
        return dict(self._parts) if self.by else {}

    def for_series(self, labels: dict[str, str]) -> SloCounter | AlikeCalls | None:
        """Return the counter for the calls of a series; None if they are not judged."""
        if not self.selects(labels):
            return None
        if self.by:
            key = tuple(labels.get(name, "") for name in self.by)
            part = self._parts.get(key)
            if part is None:
                part = SloCounter(self.selects, self.objective, self.under, self.is_good)
                part = self._parts.setdefault(key, part)
            return part.for_series(labels)
        return self if self.is_good is None else AlikeCalls(self, good=self.is_good(labels))

    def judge(self, batch: Iterable[Record]) -> JudgedCalls:
        """Return how many finished calls to add, and to which counter."""
        under = self.under
        events = bad = 0
        for record in batch:
            outcome = record[3].outcome if len(record) > 3 else None
            if outcome == CANCELLED:
                continue
            events += 1
            bad += (outcome == ERROR) if under is None else (record[1] > under)
        return self, events, bad

    def series(self) -> Iterator[tuple[dict[str, str], SloCounter]]:
        """Iterate over the counters that count calls, with the labels that distinguish them."""
        if not self.by:
            yield {}, self
        for key, part in self.parts.items():
            yield dict(zip(self.by, key, strict=True)), part

    def counts(self) -> dict[str, float]:
        """Return the numbers so far."""
        return {"events": self.events, "bad": self.bad}


class AlikeCalls:
    """Counts the calls of a series whose labels determine that all of them are good, or bad.

    Args:
        counter: the counter of the SLO.
        good: whether the calls are good.
    """

    __slots__ = ("_counter", "_good")

    def __init__(self, counter: SloCounter, *, good: bool) -> None:
        self._counter = counter
        self._good = good

    def judge(self, batch: Iterable[Record]) -> JudgedCalls:
        """Return how many finished calls to add, and to which counter."""
        events = sum(len(record) <= 3 or record[3].outcome != CANCELLED for record in batch)
        return self._counter, events, 0 if self._good else events


JudgedCalls = tuple[SloCounter, int, int]
"""A counter, the number of calls to add to its events, and the number of bad ones among them."""
