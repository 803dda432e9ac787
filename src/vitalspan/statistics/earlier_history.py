"""The history from before that in memory: that of a store, or of a Prometheus."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Final, Protocol

from vitalspan.history.ticks import LONGEST
from vitalspan.metrics import HEALTH_SCORE
from vitalspan.rules.alert import Alert
from vitalspan.statistics.periods import Key, Period, PeriodQuestion
from vitalspan.statistics.stored_timeline import stored_timelines
from vitalspan.statistics.stored_window import StoredWindow
from vitalspan.statistics.timeline import Slot, Timeline

if TYPE_CHECKING:
    from vitalspan.recording.counts import Counts
    from vitalspan.store.reader import StoreReader

_LONGEST_EARLIER: Final = 3660 * 86400.0
"""The maximum number of seconds to look back if a store or a server has the history."""

_MOST_SCORES: Final = 50_000
"""The maximum number of health scores to read from a store: those of a month, one per minute."""


_MOST_ALERTS: Final = 1000
"""The maximum number of earlier alerts to read from a store, the latest ones."""


class EarlierHistory(Protocol):
    """The history from before that in memory.

    All methods raise `StoreError` if nothing can be read at the moment.

    Attributes:
        is_remote: whether it is so slow that it must not be read while the evaluation of rules
            waits.
    """

    is_remote: bool

    def window(self, counts: Counts, question: PeriodQuestion) -> Period:
        """Return a period.

        Args:
            counts: the counts, which have the clock.
            question: what to read from it.
        """

    def timelines(
        self, keys: Sequence[Key], start: float, end: float, now: float
    ) -> list[Timeline]:
        """Return timelines of a period, which have the same slots.

        Args:
            keys: the component and the operation of each; None for those of all.
            start: the start in seconds since the Unix epoch.
            end: the end in seconds since the Unix epoch.
            now: the current time in seconds since the Unix epoch.
        """

    def means(self, signal: str, slots: Sequence[Slot]) -> list[float | None]:
        """Return the mean of a recorded signal in each slot; None for no data."""

    def alerts(self, start: float, end: float) -> list[Alert]:
        """Return alerts that fired within a period, possibly with others.

        Args:
            start: the start in seconds since the Unix epoch.
            end: the end in seconds since the Unix epoch.
        """

    def notes(self) -> list[str]:
        """Return notes for the reader."""


class StoredHistory:
    """The history in a store.

    Args:
        reader: reads the store.
    """

    is_remote = False

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader

    def window(self, counts: Counts, question: PeriodQuestion) -> StoredWindow:
        """Return a period."""
        return StoredWindow(self._reader.period, counts, question.window, question.offset)

    def timelines(
        self, keys: Sequence[Key], start: float, end: float, now: float
    ) -> list[Timeline]:
        """Return timelines of a period, which have the same slots."""
        return stored_timelines(self._reader, keys, start, end, now)

    def means(self, signal: str, slots: Sequence[Slot]) -> list[float | None]:
        """Return the mean of a signal in each slot; only the health score is stored."""
        if signal != HEALTH_SCORE.name or not slots:
            return [None] * len(slots)
        records = self._reader.records("health", slots[0].start, slots[-1].end, _MOST_SCORES)
        return slot_means(slots, [(one.at, one.document["score"]) for one in records])

    def alerts(self, start: float, end: float) -> list[Alert]:  # noqa: ARG002 - a server wants it
        """Return the alerts that ended after the start."""
        records = self._reader.records("alert", start, math.inf, _MOST_ALERTS)
        return [Alert(**one.document) for one in records]

    def notes(self) -> list[str]:
        """Return nothing, because readers of a store need no notes."""
        return []


def longest_of(earlier: EarlierHistory | None) -> float:
    """Return the maximum number of seconds to look back."""
    return LONGEST if earlier is None else _LONGEST_EARLIER


def slot_means(slots: Sequence[Slot], values: Iterable[tuple[float, float]]) -> list[float | None]:
    """Return the mean of the values in each slot; None if there are none.

    Args:
        slots: without gaps between them.
        values: pairs of times in seconds since the Unix epoch, within the slots, and values.
    """
    ends, every = [slot.end for slot in slots], [list[float]() for _ in slots]
    for when, value in values:
        every[min(bisect_left(ends, when), len(slots) - 1)].append(value)
    return [fmean(some) if some else None for some in every]
