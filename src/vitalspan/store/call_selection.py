"""The calls that a question is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vitalspan.labels import Labels
from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.store.protocol import StoredSeries


@dataclass(frozen=True)
class CallSelection:
    """The calls that a question is about.

    Attributes:
        component: that they belong to; None for all.
        operation: that they are of; None for all.
        labels: that they have, perhaps among others.
    """

    component: str | None = None
    operation: str | None = None
    labels: Labels = ()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the labels that a series of these calls has."""
        if self.component is not None:
            yield COMPONENT, self.component
        if self.operation is not None:
            yield OPERATION, self.operation
        yield from self.labels

    def selects(self, series: StoredSeries) -> bool:
        """Return whether a series is one of operations with these calls."""
        labels = series.labels
        return series.kind == "operation" and all(
            labels.get(name) == value for name, value in self.pairs()
        )


EVERY_CALL = CallSelection()
"""Selects all calls."""
