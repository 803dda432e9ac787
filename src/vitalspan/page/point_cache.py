"""Caches the points of charts: the past does not change, so only its end is read again."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

from vitalspan.page.charts import KnownPoints
from vitalspan.runtime import fork

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.history.ticks import Ticks

ChartKey = tuple[str | None, str | None, float, int]
"""A component, an operation, the step of the axis, and how often series were removed from the
history; None stands for every component or operation."""

MOST_CHARTS: Final = 256
"""The maximum number of charts per history; the least recently used are dropped."""


class PointCache:
    """The cached points of the charts of all histories in this process."""

    def __init__(self) -> None:
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Drop all points."""
        self._lock = Lock()
        # A history that starts over has other ticks.
        self._charts: weakref.WeakKeyDictionary[Ticks, OrderedDict[ChartKey, KnownPoints]] = (
            weakref.WeakKeyDictionary()
        )

    def points(self, history: History, key: ChartKey) -> KnownPoints:
        """Return the known points of a chart, which the caller reads and extends.

        Args:
            history: the history, which must not change in the meantime.
            key: the key of the chart.
        """
        with self._lock:
            charts = self._charts.setdefault(history.ticks, OrderedDict())
            found = charts.setdefault(key, {})
            charts.move_to_end(key)
            while len(charts) > MOST_CHARTS:
                charts.popitem(last=False)
        return found


point_cache: Final = PointCache()
"""The cache of this process."""
