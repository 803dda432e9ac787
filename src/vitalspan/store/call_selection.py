"""The selection of calls for a query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vitalspan.labels import Labels
from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.store.protocol import StoredSeries


@dataclass(frozen=True)
class CallSelection:
    """The selection of calls for a query.

    Attributes:
        component: the component; None for all.
        operation: the operation; None for all.
        labels: labels that the calls have, among others.
    """

    component: str | None = None
    operation: str | None = None
    labels: Labels = ()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the labels that the series of these calls have."""
        if self.component is not None:
            yield COMPONENT, self.component
        if self.operation is not None:
            yield OPERATION, self.operation
        yield from self.labels

    def selects(self, series: StoredSeries) -> bool:
        """Return whether a series of operations is selected."""
        labels = series.labels
        return series.kind == "operation" and all(
            labels.get(name) == value for name, value in self.pairs()
        )


EVERY_CALL = CallSelection()
"""Selects all calls."""
