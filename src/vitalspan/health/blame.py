"""Who is most to blame for a value: the operation, cache or alert that makes most of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from vitalspan.history.calls import ERROR_COLUMN
from vitalspan.history.collection import Collection
from vitalspan.history.history import History
from vitalspan.history.track import Track
from vitalspan.names import COMPONENT, OPERATION
from vitalspan.signals.matching import match_all
from vitalspan.signals.query import Query
from vitalspan.signals.units import SECONDS, value_text

OPEN: Final = float("inf")
"""The end of a stretch that has not ended."""


class Scene:
    """The series as they are at one tick, for those who ask who is to blame.

    Args:
        history: that they are of.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self._grouped: dict[int, dict[str, list[Track]]] = {}

    def start(self, ago: float) -> float:
        """Return the tick that was some seconds ago."""
        return self.history.ticks.start(self.history.ticks.times[-1], ago)

    def tracks(self, collection: Collection[Any], component: str | None) -> list[Track]:
        """Return the tracks of a component; all of them for None."""
        if component is None:
            return collection.all
        grouped = self._grouped.get(id(collection))
        if grouped is None:
            grouped = self._grouped[id(collection)] = {}
            for track in collection.all:
                grouped.setdefault(track.labels.get(COMPONENT, ""), []).append(track)
        return grouped.get(component, [])


class Stretch(NamedTuple):
    """What some series have counted from one tick to another."""

    tracks: tuple[Track, ...]
    start: float
    end: float

    def increase(self, column: str) -> float:
        """Return how much a counter has grown."""
        grown = 0.0
        for track in self.tracks:
            grown += track.increase(column, self.start)
            if self.end < OPEN:
                grown -= track.increase(column, self.end)
        return grown

    def mean(self) -> float:
        """Return the mean duration of the calls, 0 without any."""
        count = self.increase("count")
        return self.increase("total") / count if count > 0 else 0.0


def _named(tracks: Iterable[Track], label: str, query: Query) -> dict[str, tuple[Track, ...]]:
    """Return the tracks that a query is about, by the value of a label."""
    found: dict[str, tuple[Track, ...]] = {}
    for track in tracks:
        if not query.where or match_all(query.where, track.labels):
            name = track.labels.get(label, "")
            found[name] = (*found.get(name, ()), track)
    return found


def _operations(query: Query, scene: Scene, component: str | None) -> dict[str, Stretch]:
    tracks = scene.tracks(scene.history.operations, component)
    start = scene.start(query.window)
    named = _named(tracks, OPERATION, query)
    return {name: Stretch(those, start, OPEN) for name, those in named.items()}


def _errors(query: Query, scene: Scene, component: str | None) -> str:
    operations = _operations(query, scene, component)
    worst = max(operations, key=lambda name: operations[name].increase("errors"), default="")
    if not worst:
        return ""
    stretch = operations[worst]
    bad = stretch.increase("errors")
    calls = stretch.increase("count") - stretch.increase("cancellations")
    text = f"{worst}, {bad:.0f} of {calls:.0f} calls failed"
    kinds = {column for track in stretch.tracks for column in track.columns}
    errors = sorted(kind for kind in kinds if kind.startswith(ERROR_COLUMN))
    if not errors or bad <= 0:
        return text
    kind = max(errors, key=stretch.increase)
    most = "mostly " if stretch.increase(kind) < bad else "all of them "
    return f"{text}, {most}{kind.removeprefix(ERROR_COLUMN)}"


def _slowest(query: Query, scene: Scene, component: str | None) -> str:
    operations = _operations(query, scene, component)
    worst = max(operations, key=lambda name: operations[name].mean(), default="")
    if not worst:
        return ""
    return f"{worst} takes {value_text(operations[worst].mean(), SECONDS)} on average"


def _slowed(query: Query, scene: Scene, component: str | None) -> str:
    over = 0.0 if query.derive is None else query.derive.over
    then, start, before = map(scene.start, (over, query.window, query.window + over))
    tracks_now = scene.tracks(scene.history.operations, component)
    most, text = 0.0, ""
    for name, tracks in _named(tracks_now, OPERATION, query).items():
        recent, past = Stretch(tracks, start, OPEN), Stretch(tracks, before, then)
        was, is_now = past.mean(), recent.mean()
        grown = (is_now - was) * recent.increase("count")
        if was and grown > most:
            most = grown
            text = (
                f"{name}, {value_text(was, SECONDS)} before and {value_text(is_now, SECONDS)} now"
            )
    return text


def _coldest(query: Query, scene: Scene, component: str | None) -> str:
    start = scene.start(query.window)
    named = _named(scene.tracks(scene.history.caches, component), "cache", query)
    caches = {name: Stretch(those, start, OPEN) for name, those in named.items()}
    worst = max(caches, key=lambda name: caches[name].increase("misses"), default="")
    if not worst:
        return ""
    hits, misses = (caches[worst].increase(column) for column in ("hits", "misses"))
    return f"{worst}, {hits:.0f} of {hits + misses:.0f} look-ups found their entry"


def _firing(query: Query, scene: Scene, component: str | None) -> str:
    firing: dict[str, float] = {}
    for labels, points in scene.history.made("alert_points").present:
        about = component is None or labels.get(COMPONENT) == component
        if points and about and match_all(query.where, labels):
            name = labels["alertname"]
            firing[name] = firing.get(name, 0.0) + points
    return ", ".join(sorted(firing, key=lambda name: -firing[name]))


def _burned(query: Query, scene: Scene, component: str | None) -> str:  # noqa: ARG001 - has its own
    tracks = scene.history.slos.with_key(query.slo or "")
    stretch = Stretch(tuple(tracks), scene.start(query.window), OPEN)
    return f"{stretch.increase('bad'):.0f} of {stretch.increase('events'):.0f} calls were bad"


BLAME: Final[dict[str, Callable[[Query, Scene, str | None], str]]] = {
    "error_ratio": _errors,
    "latency_mean": _slowest,
    "latency_pNN": _slowest,
    "change of latency_mean": _slowed,
    "cache_hit_ratio": _coldest,
    "alert_points": _firing,
    "burn_rate": _burned,
}
"""By what a factor is about, what returns who is to blame; empty where nobody is."""
