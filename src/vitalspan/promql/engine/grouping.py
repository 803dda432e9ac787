"""The groups of an aggregation, by `by` and `without`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from vitalspan.promql.engine.metric_labels import (
    EMPTY,
    NAME,
    LabelCache,
    MetricLabels,
    kept_labels,
    removed_labels,
)
from vitalspan.promql.engine.plan import Vector
from vitalspan.promql.engine.series import Value

AnyValue = TypeVar("AnyValue", float, Value)


class Grouping:
    """The labels by which elements are grouped.

    Args:
        labels: the labels of `by` or `without`.
        without: whether the labels are ignored.
    """

    def __init__(self, labels: Sequence[str] = (), *, without: bool = False) -> None:
        self.labels = tuple(labels)
        self.without = without
        self.keys: LabelCache | None = None
        if without:
            self.keys = removed_labels((*labels, NAME))
        elif labels:
            self.keys = kept_labels(labels)

    def groups(
        self, vector: Sequence[tuple[MetricLabels, AnyValue]]
    ) -> dict[MetricLabels, Sequence[tuple[MetricLabels, AnyValue]]]:
        """Return the elements of a vector by the labels of their group."""
        if self.keys is None:
            return {EMPTY: vector} if vector else {}
        groups: dict[MetricLabels, list[tuple[MetricLabels, AnyValue]]] = {}
        keys = self.keys
        for element in vector:
            key = keys[element[0]]
            group = groups.get(key)
            if group is None:
                groups[key] = [element]
            else:
                group.append(element)
        return {**groups}

    def aggregated(
        self,
        vector: Sequence[tuple[MetricLabels, AnyValue]],
        aggregate: Callable[[list[AnyValue]], float],
    ) -> Vector:
        """Return a value for each group, computed from those of its elements."""
        return [
            (dropped(labels, group), aggregate([value for _, value in group]))
            for labels, group in self.groups(vector).items()
        ]


def dropped(labels: MetricLabels, group: Vector) -> MetricLabels:
    """Return the labels of a group; its name is dropped if that of any element is."""
    if any(element[0].drops_name for element in group):
        return labels.dropped
    return labels
