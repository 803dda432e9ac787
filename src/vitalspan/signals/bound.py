"""A query bound to a history: its readings at each tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vitalspan.history.collection import Collection
from vitalspan.history.history import History
from vitalspan.history.track import Track
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.derived import Past
from vitalspan.signals.matching import Matcher, match_all
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading
from vitalspan.signals.window import Pool, Union

Key = tuple[str, ...]
"""The values of the labels that a query keeps apart."""


class Bound:
    """Reads a query from a history.

    Args:
        query: what is asked.
        history: whom.

    Raises:
        KeyError: for a signal that there is not.
    """

    def __init__(self, query: Query, history: History) -> None:
        self._query = query
        self._value = signal_of(query).value
        self._history = history
        self._pasts: dict[Key, Past] = {}
        self._pools: dict[Key, Pool] = {}
        self._feeds = _feeds(query, history)
        self._gauges = _gauges(query, history)

    def read(self, now: float) -> list[tuple[Key, Reading]]:
        """Return the reading of each combination of labels at a tick.

        A query that keeps no labels apart has one, whether there are series or not.

        Args:
            now: the tick, on the steady clock.
        """
        query = self._query
        self._find_series()
        start = max(self._history.ticks.start(now, query.window), self._horizon())
        readings = []
        for key, pool in self._pools.items():
            pool.move(start, now)
            reading = self._value(pool, query)
            if query.short is not None:
                pool.move(self._history.ticks.start(now, query.short), now)
                reading = _lesser(reading, self._value(pool, query))
            readings.append((key, reading))
        if query.derive is None:
            return readings
        return [(key, self._derived(key, reading, now)) for key, reading in readings]

    def read_together(self, now: float) -> tuple[Reading, list[tuple[Key, Reading]]]:
        """Return the reading of all series as one as well, beside that of each combination.

        Args:
            now: the tick, on the steady clock.
        """
        apart = self.read(now)
        together = self._value(Union(self._pools.values()), self._query)
        if self._query.derive is not None:
            together = self._derived((), together, now)
        return together, apart

    def forget(self) -> None:
        """Forget what the values were: what is derived from them begins anew."""
        self._pasts.clear()

    def _horizon(self) -> float:
        return max((feed.horizon() for feed in self._feeds), default=float("-inf"))

    def _find_series(self) -> None:
        if not self._pools and not self._query.by:
            self._pool({})
        for feed in self._feeds:
            if feed.begun_anew():
                self._pools.clear()
                return self._find_all()
        for feed in self._feeds:
            if feed.seen != len(feed.tracks):
                self._take_new(feed)
        if self._gauges:
            self._take_gauges()
        return None

    def _find_all(self) -> None:
        for feed in self._feeds:
            feed.seen = 0
        self._find_series()

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
        for metric, followed in self._gauges:
            for labels, value in followed.present:
                if match_all(self._query.where, labels):
                    self._pool(labels).present.setdefault(metric, []).append(value)
        if self._query.by:
            for key in [key for key, pool in self._pools.items() if pool.is_empty()]:
                del self._pools[key]
                self._pasts.pop(key, None)

    def _pool(self, labels: Mapping[str, str]) -> Pool:
        key = tuple(labels.get(name, "") for name in self._query.by)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(self._history)
        return pool

    def _derived(self, key: Key, reading: Reading, now: float) -> Reading:
        derivation = self._query.derive
        past = self._pasts.get(key)
        if past is None and derivation is not None:
            past = self._pasts[key] = Past(derivation)
        value = None if past is None else past.derive(reading.value, now)
        return NO_DATA if value is None else Reading(value, reading.samples)


class _Feed:
    """Where new series of a query come from.

    Args:
        collection: of tracks.
        tracks: those of the collection that may match.
        metric: the counter of the registry that they are of.
    """

    def __init__(
        self, collection: Collection[Any], tracks: Sequence[Track], metric: str | None = None
    ) -> None:
        self.tracks = tracks
        self.metric = metric
        self.seen = 0
        self._collection = collection
        self._removals = collection.removals

    def horizon(self) -> float:
        """Return the tick that windows can begin at, at the earliest."""
        return self._collection.horizon

    def begun_anew(self) -> bool:
        """Whether series have been taken out since this was asked last."""
        changed = self._removals != self._collection.removals
        self._removals = self._collection.removals
        return changed


def _feeds(query: Query, history: History) -> list[_Feed]:
    signal = signal_of(query)
    if signal.source == "registry":
        followed = [(metric, history.metrics.follow(metric)) for metric in signal.metrics]
        for _, one in followed:
            one.tracks.retain(query.window)
        return [_Feed(one.tracks, one.tracks.all, name) for name, one in followed if one.counter]
    if signal.source == "monitor":
        return []
    collections: dict[str, Collection[Any]] = {
        "operations": history.operations,
        "caches": history.caches,
        "apis": history.apis,
        "slos": history.slos,
    }
    collection = collections[signal.source]
    collection.retain(query.window)
    value = query.slo if signal.source == "slos" else _asked_for(collection.key, query.where)
    return [_Feed(collection, collection.all if value is None else collection.with_key(value))]


def _gauges(query: Query, history: History) -> list[tuple[str, Any]]:
    signal = signal_of(query)
    follow = history.made if signal.source == "monitor" else history.metrics.follow
    followed = [(metric, follow(metric)) for metric in signal.metrics]
    return [(metric, one) for metric, one in followed if not one.counter]


def _asked_for(label: str, where: Sequence[Matcher]) -> str | None:
    # Most rules are about one operation, and need not look at the series of the others.
    found = [one.value for one in where if one.label == label and one.operator == "="]
    return found[0] if found else None


def _lesser(one: Reading, other: Reading) -> Reading:
    """Return the lesser value of two, of which the first one's samples count."""
    if one.value is None or other.value is None:
        return NO_DATA
    return one._replace(value=min(one.value, other.value))
