"""The compiled expression of a rule, and the source of its samples."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final, Protocol

from vitalspan.promql.engine.plan import Vector
from vitalspan.promql.engine.query import compile_query
from vitalspan.promql.engine.series import Demand, SeriesSource
from vitalspan.runtime.internal_errors import logger

_MAX_NOTES: Final = 100


class RuleSource(SeriesSource, Protocol):
    """The source of series for the expressions of rules, and the store of recorded ones."""

    @property
    def now(self) -> int:
        """The time of the last tick, in milliseconds since the epoch."""

    @property
    def external_labels(self) -> Mapping[str, str]:
        """The labels that distinguish this process from others."""

    @property
    def has_everything(self) -> bool:
        """True if there are samples of all series, not only of those that were asked for."""

    def record(self, owner: Hashable, vector: Vector) -> None:
        """Store a rule's result at the last tick; series that are no longer in it have ended."""


class CompiledRule:
    """An expression that is evaluated at ticks; its annotations are logged once.

    Args:
        name: the name of the rule, for the log.
        expr: the expression.
        store: the source of samples.
    """

    def __init__(self, name: str, expr: str, store: RuleSource) -> None:
        self._name = name
        self._store = store
        self._query = compile_query(expr)
        self._notes: set[str] = set()

    @property
    def demands(self) -> tuple[Demand, ...]:
        """The samples that it needs."""
        return self._query.demands

    def evaluate(self) -> Vector:
        """Return the result at the last tick.

        Raises:
            EvaluationError: if there is no result.
        """
        context = self._query.context(self._store, self._store.now)
        vector = self._query.evaluate(context)
        for text in context.annotations:
            if text not in self._notes and len(self._notes) < _MAX_NOTES:
                self._notes.add(text)
                logger.info("rule %s: %s", self._name, text)
        return vector
