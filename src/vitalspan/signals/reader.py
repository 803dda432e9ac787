"""Reads a query from a history at each tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from vitalspan.history.history import History
from vitalspan.history.series_index import SeriesIndex
from vitalspan.history.time_series import TimeSeries
from vitalspan.promql.matchers import Matcher, match_all
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.derivations import Past
from vitalspan.signals.pool import PooledWindow, SeriesPool
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading
from vitalspan.signals.source import MONITOR, REGISTRY, SLOS

_SLACK: Final = 1e-3
"""Seconds that a tick may be early and still complete a window."""

Key = tuple[str, ...]
"""The values of the labels that separate a query's series."""


class QueryReader:
    """Reads a query from a history.

    Args:
        query: the query.
        history: the history.

    Raises:
        KeyError: for an unknown signal.

    Attributes:
        young: the label sets that have no value only because the history is shorter than the
            query's window.
    """

    def __init__(self, query: Query, history: History) -> None:
        self._query = query
        self._value = signal_of(query).value
        # The minimum number of bad events applies to the longer window only.
        self._short_query = replace(query, min_bad=0)
        self._history = history
        self.young: set[Key] = set()
        self._pasts: dict[Key, Past] = {}
        self._pools: dict[Key, SeriesPool] = {}
        self._feeds = _feeds(query, history)
        self._gauges = _gauges(query, history)

    def read(self, now: float) -> list[tuple[Key, Reading]]:
        """Return the reading of each set of labels at a tick.

        A query without `by` has one reading, even if there are no series.

        Args:
            now: the tick, on the steady clock.
        """
        query, ticks = self._query, self._history.ticks
        self._find_series()
        horizon = max([feed.collection.horizon for feed in self._feeds], default=float("-inf"))
        start = max(ticks.start(now, query.window), horizon)
        readings = []
        self.young.clear()
        for key, pool in self._pools.items():
            pool.move(start, now, query.window)
            reading = self._over_window(pool)
            if reading is None:
                self.young.add(key)
                reading = NO_DATA
            if query.short is not None:
                short = max(ticks.start(now, query.short), horizon)
                pool.move(short, now, query.short)
                reading = _lesser(reading, self._value(pool, self._short_query))
            readings.append((key, reading))
        if query.derive is None:
            return readings
        return [(key, self._derived(key, reading, now)) for key, reading in readings]

    def read_together(self, now: float) -> tuple[Reading, list[tuple[Key, Reading]]]:
        """Return the reading of all series together, and those of each set of labels.

        Args:
            now: the tick, on the steady clock.
        """
        query, apart = self._query, self.read(now)
        if len(apart) == 1 and query.short is None and query.derive is None:
            return apart[0][1], apart
        together = self._over_window(PooledWindow(self._pools.values())) or NO_DATA
        if query.derive is not None:
            together = self._derived((), together, now)
        return together, apart

    def has_series(self) -> bool:
        """Return whether any series matched at the last reading."""
        return not all(pool.is_empty() for pool in self._pools.values())

    def forget(self) -> None:
        """Drop the past values: derivations start over."""
        self._pasts.clear()

    def _over_window(self, window: SeriesPool | PooledWindow) -> Reading | None:
        """Return the reading over the longer window; None if there is too little history."""
        query = self._query
        reading = self._value(window, query)
        if reading.value is None:
            return reading
        if query.whole_window and window.covered() < query.window - _SLACK:
            return None
        if query.increase:
            return reading._replace(value=reading.value * query.window)
        if query.weighed:
            weight = min(1.0, window.covered() / query.window)
            return reading._replace(value=reading.value * weight)
        return reading

    def _find_series(self) -> None:
        feeds = self._feeds
        for feed in feeds:
            if feed.removals != feed.collection.removals:
                # The remaining series are collected again, for all pools.
                self._pools.clear()
                for one in feeds:
                    one.begin_anew()
                break
        if not self._pools and not self._query.by:
            self._pool({})
        for feed in feeds:
            if feed.seen != len(feed.tracks):
                self._take_new(feed)
        if self._gauges:
            self._take_gauges()

    def _take_new(self, feed: _Feed) -> None:
        where = self._query.where
        new, feed.seen = feed.tracks[feed.seen :], len(feed.tracks)
        for track in new:
            if match_all(where, track.labels):
                pool = self._pool(track.labels)
                if feed.metric is None:
                    pool.tracks.append(track)
                else:
                    pool.counters.setdefault(feed.metric, []).append(track)

    def _take_gauges(self) -> None:
        for pool in self._pools.values():
            pool.present.clear()
        where = self._query.where
        for metric, followed in self._gauges:
            for labels, value in followed.present:
                if not where or match_all(where, labels):
                    self._pool(labels).present.setdefault(metric, []).append(value)
        if self._query.by:
            for key in [key for key, pool in self._pools.items() if pool.is_empty()]:
                del self._pools[key]
                self._pasts.pop(key, None)

    def _pool(self, labels: Mapping[str, str]) -> SeriesPool:
        key = tuple([labels.get(name, "") for name in self._query.by])
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = SeriesPool(self._history)
        return pool

    def _derived(self, key: Key, reading: Reading, now: float) -> Reading:
        derivation = self._query.derive
        past = self._pasts.get(key)
        if past is None and derivation is not None:
            past = self._pasts[key] = Past(derivation)
        value = None if past is None else past.derive(reading.value, now)
        return NO_DATA if value is None else Reading(value, reading.samples)


class _Feed:
    """The source of new series for a query.

    Args:
        collection: the index of series.
        tracks: the series in it that may match.
        metric: the registry counter that they belong to.

    Attributes:
        seen: the number of series that the query has taken.
        removals: the number of removals from the collection at that time.
    """

    def __init__(
        self, collection: SeriesIndex[Any], tracks: Sequence[TimeSeries], metric: str | None = None
    ) -> None:
        self.collection = collection
        self.tracks = tracks
        self.metric = metric
        self.begin_anew()

    def begin_anew(self) -> None:
        """Treat all series as new."""
        self.seen = 0
        self.removals = self.collection.removals


def _feeds(query: Query, history: History) -> list[_Feed]:
    signal = signal_of(query)
    if signal.source is REGISTRY:
        followed = [(metric, history.metrics.follow(metric)) for metric in signal.metrics]
        for _, one in followed:
            one.tracks.retain(query.window)
        return [_Feed(one.tracks, one.tracks.all, name) for name, one in followed if one.counter]
    if signal.source.index is None:
        return []
    collection = signal.source.index(history)
    collection.retain(query.window)
    if collection is history.apis:
        # The figures of an API and of its models go back equally far.
        history.models.retain(query.window)
    value = query.slo if signal.source is SLOS else _asked_for(collection.key, query.where)
    return [_Feed(collection, collection.all if value is None else collection.with_key(value))]


def _gauges(query: Query, history: History) -> list[tuple[str, Any]]:
    signal = signal_of(query)
    follow = history.made if signal.source is MONITOR else history.metrics.follow
    followed = [(metric, follow(metric)) for metric in signal.metrics]
    return [(metric, one) for metric, one in followed if not one.counter]


def _asked_for(label: str, where: Sequence[Matcher]) -> str | None:
    # Most rules are about one operation, and need not look at the series of others.
    values = [one.value for one in where if one.label == label and one.operator == "="]
    return values[0] if values else None


def _lesser(one: Reading, other: Reading) -> Reading:
    """Return the lower of two values, with the samples of the first one."""
    if one.value is None or other.value is None:
        return NO_DATA
    return one._replace(value=min(one.value, other.value))
