"""Everything that rules look back on, noted tick by tick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vitalspan.history.calls import CallTrack
from vitalspan.history.collection import Collection
from vitalspan.history.metrics import Followed, MetricReader, Metrics, Samples, Series
from vitalspan.history.ticks import LONGEST, Ticks
from vitalspan.history.track import Track
from vitalspan.names import COMPONENT, OPERATION
from vitalspan.record.cell import Cell
from vitalspan.record.counters import Recording
from vitalspan.record.fold import Folder
from vitalspan.record.judge import Judge
from vitalspan.record.recorder import Recorder

LATE: Final = 60.0
"""Seconds after which what was counted before anybody looked back is in no window."""

DEFAULT_RETENTION: Final = 3600.0
"""Seconds of every series' past that are kept, whether a rule asks for them or not."""


class History:
    """The tracks of operations, caches, APIs and SLOs, and the metrics that somebody asks for.

    Args:
        recorder: the operations.
        recording: the caches and APIs.
        read_metrics: reads the registry.
    """

    def __init__(
        self, recorder: Recorder, recording: Recording, read_metrics: MetricReader
    ) -> None:
        self._recorder = recorder
        self._recording = recording
        self.ticks = Ticks(recorder.born)
        self.operations: Collection[CallTrack] = Collection(OPERATION)
        self.caches: Collection[Track] = Collection("cache")
        self.apis: Collection[Track] = Collection("api")
        self.slos: Collection[Track] = Collection("slo")
        self.metrics = Metrics(read_metrics)
        self.judges: dict[str, Judge] = {}
        self._made: dict[str, Followed] = {}
        self._cells: dict[Cell, CallTrack] = {}
        self._tracks: dict[object, Track] = {}
        for collection in (self.operations, self.caches, self.apis, self.slos):
            collection.retain(DEFAULT_RETENTION)
        # There are few of them, and error budgets are for weeks.
        self.slos.retain(LONGEST)

    @property
    def folder(self) -> Folder:
        """What counts, and tells what is in progress."""
        return self._recorder.folder

    def begin(self, now: float) -> None:
        """Begin now, if what was counted so far is from long ago: nobody knows from when."""
        if now - self._recorder.born > LATE:
            self.observe(now)
            self.ticks = Ticks(now)

    def observe(self, now: float, found: Samples | None = None) -> bool:
        """Note how everything stands at a tick, seconds on the steady clock.

        Args:
            now: the tick.
            found: what was read from the registry; by default it is read now.

        Returns:
            Whether it could be noted; another thread may be counting for long.
        """
        cells = self._recorder.series.all()
        if not self._recorder.folder.fold(cells, then=lambda: self._note_calls(cells, now)):
            return False
        self.ticks.add(now)
        for cache in list(self._recording.caches.values()):
            labels = {COMPONENT: cache.component, "cache": cache.name}
            values = {"hits": cache.hits.total(), "misses": cache.misses.total()}
            self._note(cache, self.caches, labels, now, values)
        for api in list(self._recording.apis.values()):
            labels = {COMPONENT: api.component, "api": api.name}
            names = ("oks", "errors", "tokens", "cost")
            values = {name: getattr(api, name).total() for name in names}
            self._note(api, self.apis, labels, now, values)
        self.metrics.observe(now, self.metrics.read() if found is None else found, self.ticks)
        return True

    def made(self, metric: str) -> Followed:
        """Return what the monitor has made of a metric itself."""
        return self._made.setdefault(metric, Followed(metric))

    def make(self, metric: str, series: Series) -> None:
        """Note the present values of a metric that the monitor makes itself."""
        self.made(metric).present = series

    def covered(self) -> float:
        """Return the seconds between the first tick that is known and the last."""
        return self.ticks.times[-1] - self.ticks.times[0]

    def reset(self) -> None:
        """Begin anew from zero, and now: in a forked child the recorder may not know yet."""
        self.ticks = Ticks(self._recorder.now())
        self._cells.clear()
        self._tracks.clear()
        for collection in (self.operations, self.caches, self.apis, self.slos):
            collection.clear()
        self.metrics.clear()
        for made in self._made.values():
            made.clear()

    def judge_by(self, judges: Mapping[str, Judge]) -> None:
        """Let judges count calls from now on, in tracks of their own by name."""
        for name, judge in self.judges.items():
            if judges.get(name) is not judge:
                self.slos.remove(self._tracks.pop(judge, None))
        self.judges = dict(judges)
        self._recorder.series.judge_by(tuple(judges.values()))

    def _note_calls(self, cells: list[Cell], now: float) -> None:
        for cell in cells:
            fresh = cell.fresh
            if fresh is None or fresh:
                track = self._cells.get(cell)
                if track is None:
                    track = self._cells[cell] = self.operations.add(CallTrack(cell))
                track.note(now, cell.take_fresh())
                self.operations.thin(track, self.ticks)
        for name, judge in self.judges.items():
            self._note(judge, self.slos, {"slo": name}, now, judge.counts())

    def _note(
        self,
        key: object,
        collection: Collection[Track],
        labels: Mapping[str, str],
        now: float,
        values: Mapping[str, float],
    ) -> None:
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = collection.add(Track(labels))
        elif all(track.latest(name) == value for name, value in values.items()):
            return
        track.append(now, values)
        collection.thin(track, self.ticks)
