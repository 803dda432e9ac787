"""The counts of caches and APIs in one session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from vitalspan.metrics import OVERFLOW
from vitalspan.recording.enclosing_sessions import CountedKey
from vitalspan.recording.lock_free_counter import LockFreeCounter
from vitalspan.recording.model_amounts import ModelAmounts
from vitalspan.statistics.call_statistics import (
    ApiStatistics,
    CacheStatistics,
    ModelStatistics,
)

MAX_MODELS: Final = 100
"""The maximum number of models in a session; further ones are counted as `_overflow`."""

_MODEL: Final = "model"


class SessionAmounts:
    """The cache lookups and API calls of one session.

    Their number is limited by those of the monitor's caches and APIs.
    """

    def __init__(self) -> None:
        self._amounts: dict[CountedKey, dict[str, LockFreeCounter]] = {}

    def add(self, counted: CountedKey, column: str, amount: float) -> None:
        """Add an amount; any thread may do so at any time."""
        columns = self._amounts.get(counted)
        if columns is None:
            columns = self._amounts.setdefault(self._bounded(counted), {})
        counter = columns.get(column)
        if counter is None:
            counter = columns.setdefault(column, LockFreeCounter())
        counter.add(amount)

    def _bounded(self, counted: CountedKey) -> CountedKey:
        """Return the key to count under, which is the overflow key if there are too many models."""
        kind, component, name, _ = counted
        if kind == _MODEL and sum(key[0] == _MODEL for key in list(self._amounts)) >= MAX_MODELS:
            return kind, component, name, OVERFLOW
        return counted

    def caches(self) -> Iterator[CacheStatistics]:
        """Yield the lookups in each cache."""
        for (_, component, name, _), totals in self._of("cache"):
            yield CacheStatistics(component, name, totals.get("hits", 0), totals.get("misses", 0))

    def apis(self) -> Iterator[ApiStatistics]:
        """Yield the calls to each API."""
        models: dict[tuple[str, str], list[ModelStatistics]] = {}
        for (_, component, name, model), totals in self._of(_MODEL):
            figures = ModelStatistics.of(model, ModelAmounts.of_columns(totals))
            models.setdefault((component, name), []).append(figures)
        for (_, component, name, _), totals in self._of("api"):
            own = models.get((component, name), ())
            by_cost = sorted(own, key=lambda one: (-one.cost, -one.tokens))
            yield ApiStatistics(component, name, *_calls(totals), tuple(by_cost))

    def _of(self, kind: str) -> Iterator[tuple[CountedKey, dict[str, float]]]:
        for counted, columns in list(self._amounts.items()):
            if counted[0] == kind:
                yield counted, {key: one.total() for key, one in list(columns.items())}


def _calls(totals: Mapping[str, float]) -> tuple[float, float, float, float]:
    """Return the calls, the errors, the tokens and the cost."""
    oks, errors, tokens, cost = (
        totals.get(column, 0) for column in ("oks", "errors", "tokens", "cost")
    )
    return oks + errors, errors, tokens, cost
