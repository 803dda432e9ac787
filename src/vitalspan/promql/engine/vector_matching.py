"""Arithmetic and comparisons between two vectors, whose elements are matched by labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from vitalspan.promql.engine.arithmetic import ARITHMETIC, COMPARISONS
from vitalspan.promql.engine.evaluation_context import EvaluationContext, EvaluationError
from vitalspan.promql.engine.histogram_operators import Outcome, operate
from vitalspan.promql.engine.metric_labels import (
    METADATA,
    NAME,
    LabelCache,
    MetricLabels,
    kept_labels,
    removed_labels,
)
from vitalspan.promql.engine.plan import NameDropping, Vector, VectorNode
from vitalspan.promql.engine.series import Value

_Element = tuple[MetricLabels, Value]

_AMBIGUOUS = "multiple matches for labels: "


@dataclass(frozen=True)
class Matching:
    """The rules for matching the elements of two vectors.

    Attributes:
        labels: the labels of `on` or `ignoring`.
        on: whether the labels are those of `on`.
        many: the side that may have several elements for one of the other side: that of
            `group_left` or `group_right`.
        include: the labels that the result takes from the other side.
        fill_left: the value on the left for an unmatched element on the right; None drops it. With
            `group_right` it is the value on the right for an unmatched element on the left.
        fill_right: the same for the other side.
    """

    labels: tuple[str, ...] = ()
    on: bool = False
    many: Literal["left", "right"] | None = None
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None

    def signature(self) -> LabelCache:
        """Return a function that returns the labels by which an element is matched."""
        return kept_labels(self.labels) if self.on else removed_labels((*self.labels, NAME))


@dataclass(eq=False)
class VectorOperation(VectorNode):
    """An arithmetic operator or a comparison between two vectors.

    Attributes:
        operator: the operator, such as `/` or `>=`.
        left: the left vector.
        right: the right vector.
        matching: the rules of matching.
        return_bool: whether a comparison returns 1 or 0 instead of dropping elements.
        names: drops metric names.
    """

    operator: str
    left: VectorNode
    right: VectorNode
    matching: Matching
    return_bool: bool
    names: NameDropping

    def __post_init__(self) -> None:
        self._arithmetic = ARITHMETIC.get(self.operator)
        self._compare = COMPARISONS.get(self.operator)
        self._signature = self.matching.signature()
        self._from_many = LabelCache(self._result_of_many)
        self._results: dict[tuple[MetricLabels, MetricLabels], MetricLabels] = {}

    def evaluate(self, context: EvaluationContext) -> Vector:
        matching = self.matching
        many, one = self.left.evaluate(context), self.right.evaluate(context)
        fill_one, fill_many = matching.fill_right, matching.fill_left
        if matching.many == "right":
            # The fill values are not swapped with the sides, as in Prometheus.
            many, one = one, many
        if not many and (fill_many is None or not one):
            return []
        if not one and fill_one is None:
            return []
        ones = self._by_signature(one)
        seen: dict[MetricLabels, set[MetricLabels]] = {}
        result: list[_Element] = []
        for labels, value in many:
            signature = self._signature[labels]
            partner = ones.get(signature)
            if partner is None:
                if fill_one is None:
                    continue
                partner = (signature, fill_one)
            matched = (labels, value), partner
            result += self._combine(*matched, signature, seen, context)
        if fill_many is not None:
            for labels, value in one:
                signature = self._signature[labels]
                if signature not in seen:
                    filled = (signature, fill_many)
                    matched = filled, (labels, value)
                    result += self._combine(*matched, signature, seen, context)
        return result

    def _by_signature(self, one: Vector) -> dict[MetricLabels, _Element]:
        ones: dict[MetricLabels, _Element] = {}
        for element in one:
            signature = self._signature[element[0]]
            if signature in ones:
                first, second = sorted((str(element[0]), str(ones[signature][0])))
                side = "left" if self.matching.many == "right" else "right"
                raise EvaluationError(
                    f"found duplicate series for the match group {signature} on the {side} "
                    f"hand-side of the operation: [{first}, {second}];many-to-many matching not "
                    "allowed: matching labels must be unique on one side"
                )
            ones[signature] = element
        return ones

    def _combine(
        self,
        many: _Element,
        one: _Element,
        signature: MetricLabels,
        seen: dict[MetricLabels, set[MetricLabels]],
        context: EvaluationContext,
    ) -> Sequence[_Element]:
        """Return the result of two matched elements: one element or none."""
        left, right = many[1], one[1]
        if self.matching.many == "right":
            left, right = right, left
        outcome = self._outcome(left, right, context)
        if outcome is None:
            return ()
        value, keep = outcome
        if self.return_bool:
            value = float(keep)
        labels = self._labels(many[0], one[0])
        before = seen.setdefault(signature, set())
        if self.matching.many is None and before:
            raise EvaluationError(
                _AMBIGUOUS + "many-to-one matching must be explicit (group_left/group_right)"
            )
        if labels in before:
            raise EvaluationError(_AMBIGUOUS + "grouping labels must ensure unique matches")
        before.add(labels)
        return [(labels, value)] if keep or self.return_bool else ()

    def _outcome(self, left: Value, right: Value, context: EvaluationContext) -> Outcome | None:
        if context.has_histograms and not (isinstance(left, float) and isinstance(right, float)):
            return operate(self.operator, left, right, context.annotations)
        numbers = cast("tuple[float, float]", (left, right))
        if self._arithmetic is not None:
            return Outcome(self._arithmetic(*numbers))
        assert self._compare is not None  # noqa: S101 - an operator is one or the other
        return Outcome(left, self._compare(*numbers))

    def _labels(self, many: MetricLabels, one: MetricLabels) -> MetricLabels:
        include = self.matching.include
        labels = self._from_many[many]
        if include:
            key = (many, one)
            cached = self._results.get(key)
            if cached is None:
                if len(self._results) > 10_000:
                    self._results.clear()
                cached = labels.updated({name: one.get(name) for name in include})
                self._results[key] = cached
            labels = cached
        return labels

    def _result_of_many(self, labels: MetricLabels) -> MetricLabels:
        """Return the labels of a result, without those that come from the other side."""
        matching, names = self.matching, self.names
        result = labels.kept
        if self._arithmetic is not None or (self.return_bool and not names.delayed):
            result = result.without(METADATA)
        if matching.many is None:
            if matching.on:
                result = result.only(matching.labels)
            else:
                result = result.without(matching.labels)
        return result.dropped if self.return_bool and names.delayed else result
