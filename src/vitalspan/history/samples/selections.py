"""The selections of expressions, indexed by labels so that not every selector has to be tried."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from vitalspan.promql.engine.metric_labels import NAME, MetricLabels
from vitalspan.promql.engine.series import Selector, Series
from vitalspan.promql.matchers import Matcher


@dataclass(eq=False)
class Selection:
    """The series that a selector selects, in slots of one length.

    Attributes:
        selector: the selector.
        slot: the milliseconds for which one sample is kept.
        retention: milliseconds that samples are kept.
        series: the selected series.
        refused: the owners of further series, which are not kept.
    """

    selector: Selector
    slot: int
    retention: int = 0
    series: list[Series] = field(default_factory=list)
    refused: set[Hashable] = field(default_factory=set)

    @cached_property
    def key(self) -> tuple[str, str] | None:
        """The label by which the selection is indexed: one that only few series have."""
        equal = [
            (one.label, one.value)
            for one in self.selector.matchers
            if one.operator == "=" and one.value
        ]
        others = [pair for pair in equal if pair[0] != NAME]
        # This label distinguishes the series of a metric from each other.
        return others[-1] if others else equal[0] if equal else None


class SelectionIndex:
    """An index of selections by a label that their series must have."""

    def __init__(self) -> None:
        self._by_label: dict[tuple[str, str], list[Selection]] = {}
        self._others: list[Selection] = []

    def add(self, selection: Selection) -> None:
        """Add a selection."""
        if selection.key is None:
            self._others.append(selection)
        else:
            self._by_label.setdefault(selection.key, []).append(selection)

    def matching(self, labels: MetricLabels) -> Iterator[Selection]:
        """Yield the selections that a series belongs to."""
        for pair in labels.pairs:
            for selection in self._by_label.get(pair, ()):
                if selection.selector.matches(labels):
                    yield selection
        for selection in self._others:
            if selection.selector.matches(labels):
                yield selection


class NameFilter:
    """The metrics that some selectors may select.

    Args:
        selectors: the selectors.

    Attributes:
        names: the metrics; None if each name has to be checked.
    """

    def __init__(self, selectors: list[Selector]) -> None:
        names = [selector.name for selector in selectors]
        self.names = frozenset(names) if all(names) else None
        self._equal = frozenset(filter(None, names))
        self._matchers: list[tuple[Matcher, ...]] = [
            tuple(one for one in selector.matchers if one.label == NAME)
            for selector in selectors
            if not selector.name
        ]
        self._answers: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._equal or self._matchers)

    def wants(self, name: str) -> bool:
        """Return whether a metric may be selected."""
        if name in self._equal:
            return True
        if not self._matchers:
            return False
        is_wanted = self._answers.get(name)
        if is_wanted is None:
            is_wanted = self._answers[name] = any(
                all(matcher.matches(name) for matcher in matchers) for matchers in self._matchers
            )
        return is_wanted
