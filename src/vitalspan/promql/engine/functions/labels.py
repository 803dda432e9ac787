"""Functions that change labels, sort elements by them, or return missing ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.metric_labels import (
    NAME,
    LabelCache,
    MetricLabels,
    metric_labels,
)
from vitalspan.promql.engine.plan import MatrixNode, Vector, VectorNode, check_unique
from vitalspan.promql.engine.ranking import ordered
from vitalspan.promql.engine.series import Selector, Value
from vitalspan.promql.group_references import expand

_DIGITS: Final = re.compile(r"(\d+|\D+)")


@dataclass(eq=False)
class LabelChange(VectorNode):
    """A vector whose labels are changed by a function."""

    vector: VectorNode
    changes: LabelCache

    def evaluate(self, context: EvaluationContext) -> Vector:
        changed = self.changes
        result = [(changed[labels], value) for labels, value in self.vector.evaluate(context)]
        check_unique(result)
        return result


def label_replace(
    vector: VectorNode, target: str, replacement: str, source: str, pattern: re.Pattern[str]
) -> VectorNode:
    """Return a vector with a label made from another one that matches an expression.

    Args:
        vector: the vector.
        target: the label to set.
        replacement: its value, in which `$1` and `${name}` stand for groups.
        source: the label that has to match completely.
        pattern: the expression.
    """

    def change(labels: MetricLabels) -> MetricLabels:
        match = pattern.fullmatch(labels.get(source))
        if match is None:
            return labels
        return labels.updated({target: expand(replacement, match)})

    return LabelChange(vector, LabelCache(change))


def label_join(
    vector: VectorNode, target: str, separator: str, sources: Sequence[str]
) -> VectorNode:
    """Return a vector with a label that joins the values of others with a separator."""

    def change(labels: MetricLabels) -> MetricLabels:
        return labels.updated({target: separator.join(labels.get(name) for name in sources)})

    return LabelChange(vector, LabelCache(change))


class Absent(VectorNode):
    """The function `absent`: an element if a vector or range has none."""

    def __init__(self, inner: VectorNode | MatrixNode, selector: Selector | None) -> None:
        self._inner = inner
        self._labels = _required_labels(selector)

    def evaluate(self, context: EvaluationContext) -> Vector:
        return [] if self._inner.evaluate(context) else [(self._labels, 1.0)]


def _required_labels(selector: Selector | None) -> MetricLabels:
    """Return the labels that all selected series have, unless a label is named several times."""
    labels: dict[str, str] = {}
    names: set[str] = set()
    for matcher in selector.matchers if selector else ():
        if matcher.label == NAME:
            continue
        if matcher.operator == "=" and matcher.label not in names:
            labels[matcher.label] = matcher.value
            names.add(matcher.label)
        else:
            labels.pop(matcher.label, None)
    return metric_labels(labels)


@dataclass(eq=False)
class Sorted(VectorNode):
    """A vector sorted by its values, or by some labels."""

    vector: VectorNode
    descending: bool
    labels: Sequence[str] | None = None

    def evaluate(self, context: EvaluationContext) -> Vector:
        if context.is_range:
            context.annotations.warn(
                "sort is ineffective for range queries since results are always ordered by labels"
            )
        if self.labels is None:
            return ordered(self.vector.numbers(context), descending=self.descending)
        vector = self.vector.evaluate(context)
        names = self.labels

        def key(
            element: tuple[MetricLabels, Value],
        ) -> tuple[list[list[tuple[bool, int, str]]], object]:
            labels = element[0]
            return [_natural(labels.get(name)) for name in names], labels.pairs

        return sorted(vector, key=key, reverse=self.descending)


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """Return a sort key that orders numbers in texts as people do."""
    parts = _DIGITS.findall(text)
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
