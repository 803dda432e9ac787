"""The calls to one model of an API, added up."""

from __future__ import annotations

from typing import Final

from vitalspan.recording.api_usage import ApiUsage
from vitalspan.recording.duration_histogram import DurationHistogram
from vitalspan.recording.lock_free_counter import LockFreeSum
from vitalspan.recording.model_amounts import DURATION, FIRST_TOKEN, GRID, ModelAmounts

_BATCH: Final = 8
"""The number of calls to add up at once; until then each of them takes half a kilobyte."""


class ModelCounter(LockFreeSum[ApiUsage]):
    """The sums over all calls to one model, in two kilobytes.

    Durations are counted in arrays, since there may be a hundred buckets of them.
    """

    __slots__ = ("_durations", "_sums")

    def __init__(self) -> None:
        super().__init__()
        self._sums: dict[str, float] = {}
        self._durations: dict[str, DurationHistogram] = {}

    def add(self, call: ApiUsage) -> None:
        """Add a call."""
        calls = self._amounts
        calls.append(call)
        if len(calls) >= _BATCH:
            self._sum_batch()

    def amounts(self) -> ModelAmounts:
        """Return the sums of everything added so far."""
        self._sum_everything()
        durations = self._durations.copy()
        return ModelAmounts(
            self._sums.copy(), {name: one.plus({}, 0.0) for name, one in durations.items()}
        )

    def _include(self, amounts: list[ApiUsage]) -> None:
        sums = self._sums
        for call in amounts:
            for column, amount in call.model_amounts().items():
                if amount:
                    sums[column] = sums.get(column, 0) + amount
        self._include_durations(DURATION, [call.duration for call in amounts])
        self._include_durations(FIRST_TOKEN, [call.first_token for call in amounts])

    def _include_durations(self, name: str, durations: list[float | None]) -> None:
        measured = sorted(seconds for seconds in durations if seconds is not None)
        if measured:
            histogram = self._durations.get(name)
            if histogram is None:
                histogram = self._durations[name] = DurationHistogram(GRID)
            histogram.add(GRID.count(measured), sum(measured))
