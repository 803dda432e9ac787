"""Readings of all factors, for the whole and for each component."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from vitalspan.history.history import History
from vitalspan.metrics import COMPONENT
from vitalspan.rules.model import Slo
from vitalspan.rules.scoring import Factor
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.query import Query
from vitalspan.signals.reader import QueryReader
from vitalspan.signals.signal import Reading


class Readings(NamedTuple):
    """Readings of factors.

    Attributes:
        whole: one for each factor, in order.
        by_component: for each component, its readings by the index of the factor.
    """

    whole: list[Reading]
    by_component: dict[str, dict[int, Reading]]


def is_traffic(factor: Factor) -> bool:
    """Return whether a factor is about the traffic of components."""
    return signal_of(factor.query).source.by_component


def by_component(factor: Factor, slos: Iterable[Slo]) -> Query | str | None:
    """Return how to read a factor for each component.

    Returns:
        A query by component, or the only component that the factor is about, or None if it is not
        about components.
    """
    query = factor.query
    if signal_of(query).by_component:
        return replace(query, by=(COMPONENT,))
    if query.slo is None:
        return None
    return next((component_of(slo) for slo in slos if slo.name == query.slo), None)


def component_of(slo: Slo) -> str | None:
    """Return the component whose calls an SLO is about; None if it is not about a single one."""
    named = (one.value for one in slo.where if (one.label, one.operator) == (COMPONENT, "="))
    return next(named, None)


class FactorReader:
    """Reads all factors from a history.

    Args:
        factors: the factors of the model.
        slos: the current SLOs.
        history: the history to read.
        before: the previous reader, whose query readers are reused.
    """

    def __init__(
        self,
        factors: Sequence[Factor],
        slos: Sequence[Slo],
        history: History,
        before: FactorReader | None = None,
    ) -> None:
        self.factors = tuple(factors)
        self._history = history
        self.query_readers: dict[Query, QueryReader] = {}
        readers = {} if before is None else before.query_readers
        self._divisions = [by_component(factor, slos) for factor in self.factors]
        for factor, division in zip(self.factors, self._divisions, strict=True):
            query = division if isinstance(division, Query) else factor.query
            self.query_readers[query] = readers.get(query) or QueryReader(query, history)

    def read(self, now: float) -> Readings:
        """Return all readings at a tick."""
        whole: list[Reading] = []
        by_name: dict[str, dict[int, Reading]] = {name: {} for name in self._components_seen()}
        for index, (factor, division) in enumerate(zip(self.factors, self._divisions, strict=True)):
            if isinstance(division, Query):
                reading, parts = self.query_readers[division].read_together(now)
                for (name,), part in parts:
                    if name:
                        by_name.setdefault(name, {})[index] = part
            else:
                [(_, reading)] = self.query_readers[factor.query].read(now)
                if division is not None:
                    by_name.setdefault(division, {})[index] = reading
            whole.append(reading)
        return Readings(whole, by_name)

    def forget(self) -> None:
        """Drop past values."""
        for query_reader in self.query_readers.values():
            query_reader.forget()

    def _components_seen(self) -> set[str]:
        history = self._history
        indexes = (history.operations, history.caches, history.apis)
        return {series.labels[COMPONENT] for index in indexes for series in index.all}
