"""The selections that the current expressions need."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from vitalspan.history.samples.resolution import resolution_of
from vitalspan.history.samples.selections import NameFilter, Selection, SelectionIndex
from vitalspan.promql.engine.evaluation_context import EvaluationError
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.series import Demand, Series


class SelectionTable:
    """A table with one selection for all demands that only differ in how far they look back.

    Attributes:
        names: the metrics that the demands may select.
    """

    def __init__(self) -> None:
        self.names = NameFilter([])
        self._selections: dict[tuple[Hashable, int], Selection] = {}
        self._by_demand: dict[Demand, Selection] = {}
        self._index = SelectionIndex()

    def __len__(self) -> int:
        return len(self._selections)

    def __iter__(self) -> Iterator[Selection]:
        return iter(self._selections.values())

    def replace(self, demands: Iterable[Demand]) -> set[Selection] | None:
        """Replace the demands. Selections that remain keep their series.

        Returns:
            The new selections, or None if nothing has changed.

        Raises:
            PromqlError: for a demand that cannot be met; nothing is changed then.
        """
        former = self._selections
        selections: dict[tuple[Hashable, int], Selection] = {}
        by_demand: dict[Demand, Selection] = {}
        for demand in demands:
            resolution = resolution_of(demand)
            key: tuple[Hashable, int] = (demand.selector.matchers, resolution.slot)
            selection = selections.get(key)
            if selection is None:
                before = former.get(key)
                selection = Selection(demand.selector, resolution.slot)
                if before is not None:
                    selection.series = before.series
                    selection.refused = before.refused
                selections[key] = selection
            selection.retention = max(selection.retention, resolution.retention)
            by_demand[demand] = selection
        self._by_demand, self._selections = by_demand, selections
        self.names = NameFilter([one.selector for one in selections.values()])
        self._index = SelectionIndex()
        for selection in selections.values():
            self._index.add(selection)
        if selections.keys() == former.keys():
            return None
        return {selections[key] for key in selections.keys() - former.keys()}

    def series(self, demand: Demand) -> Sequence[Series]:
        """Return the series that a demand selects.

        Raises:
            EvaluationError: if there are more than can be kept, so that the result would be wrong.
        """
        selection = self._by_demand.get(demand)
        if selection is None:
            raise EvaluationError(
                f"no samples of {demand.selector} are kept, because no rule needs them"
            )
        if selection.refused:
            raise EvaluationError(
                f"there are more series of {demand.selector} than can be kept: add conditions on "
                "labels, or use shorter ranges"
            )
        return selection.series

    def matching(self, labels: MetricLabels) -> Iterator[Selection]:
        """Yield the selections that a series belongs to."""
        return self._index.matching(labels)

    def retention(self, slot: int) -> int:
        """Return how long samples in slots of this length are kept, in milliseconds."""
        retentions = (one.retention for one in self._selections.values() if one.slot == slot)
        return max(retentions, default=0)
