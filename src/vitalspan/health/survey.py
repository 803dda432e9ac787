"""The readings of all factors: of the whole, and of each component."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from vitalspan.history.history import History
from vitalspan.names import COMPONENT
from vitalspan.rules.model import Slo
from vitalspan.rules.scoring import Factor
from vitalspan.signals.bound import Bound
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.query import Query
from vitalspan.signals.signal import Reading

_TRAFFIC: Final = ("operations", "caches", "apis")
"""Sources whose series all have a component."""


class Readings(NamedTuple):
    """A reading for each factor, in their order; by component those that it has."""

    whole: list[Reading]
    apart: dict[str, dict[int, Reading]]


def is_traffic(factor: Factor) -> bool:
    """Whether a factor is about what components do."""
    return signal_of(factor.query).source in _TRAFFIC


def by_component(factor: Factor, slos: Iterable[Slo]) -> Query | str | None:
    """Return how a factor is told of components apart.

    Returns:
        A query that keeps them apart, the name of the one component that it is about, or None.
    """
    query = factor.query
    if is_traffic(factor) or query.signal == "alert_points":
        return replace(query, by=(COMPONENT,))
    if query.slo is None:
        return None
    return next((component_of(slo) for slo in slos if slo.name == query.slo), None)


def component_of(slo: Slo) -> str | None:
    """Return the component whose calls an SLO judges, None where it names none."""
    named = (one.value for one in slo.where if (one.label, one.operator) == (COMPONENT, "="))
    return next(named, None)


class Survey:
    """Reads every factor from a history.

    Args:
        factors: of the model.
        slos: in force.
        history: what is looked back on.
        before: the survey that this one takes the place of; what it knows of the past stays.
    """

    def __init__(
        self,
        factors: Sequence[Factor],
        slos: Sequence[Slo],
        history: History,
        before: Survey | None = None,
    ) -> None:
        self.factors = tuple(factors)
        self._history = history
        self.bounds: dict[Query, Bound] = {}
        known = {} if before is None else before.bounds
        for factor in self.factors:
            apart = by_component(factor, slos)
            query = apart if isinstance(apart, Query) else factor.query
            self.bounds[query] = known.get(query) or Bound(query, history)
        self._apart = [by_component(factor, slos) for factor in self.factors]

    def read(self, now: float) -> Readings:
        """Return all readings as of a tick."""
        whole: list[Reading] = []
        apart: dict[str, dict[int, Reading]] = {name: {} for name in self._seen()}
        for index, (factor, divided) in enumerate(zip(self.factors, self._apart, strict=True)):
            if isinstance(divided, Query):
                reading, parts = self.bounds[divided].read_together(now)
                for (name,), part in parts:
                    if name:
                        apart.setdefault(name, {})[index] = part
            else:
                [(_, reading)] = self.bounds[factor.query].read(now)
                if divided is not None:
                    apart.setdefault(divided, {})[index] = reading
            whole.append(reading)
        return Readings(whole, apart)

    def forget(self) -> None:
        """Forget what the values were."""
        for bound in self.bounds.values():
            bound.forget()

    def _seen(self) -> set[str]:
        history = self._history
        every = (history.operations, history.caches, history.apis)
        return {track.labels[COMPONENT] for tracks in every for track in tracks.all}
