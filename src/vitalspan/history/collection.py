"""The tracks of one kind."""

from __future__ import annotations

from typing import Generic, TypeVar

from vitalspan.history.ticks import Ticks
from vitalspan.history.track import Track

AnyTrack = TypeVar("AnyTrack", bound=Track)


class Collection(Generic[AnyTrack]):
    """Tracks in the order in which they came, some of them by the value of one label.

    Args:
        key: the label that most questions name.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.all: list[AnyTrack] = []
        self.retention = 0.0
        """Seconds that anybody looks back on."""
        self.horizon = float("-inf")
        """The tick that windows can begin at, at the earliest."""
        self.removals = 0
        """How often a track was taken out: whoever has read the list reads it again then."""
        self._by_key: dict[str, list[AnyTrack]] = {}

    def add(self, track: AnyTrack) -> AnyTrack:
        """Add a track and return it."""
        self.all.append(track)
        self._by_key.setdefault(track.labels.get(self.key, ""), []).append(track)
        return track

    def remove(self, track: AnyTrack | None) -> None:
        """Take a track out, where it is in."""
        if track is not None:
            self.all.remove(track)
            self._by_key[track.labels.get(self.key, "")].remove(track)
            self.removals += 1

    def with_key(self, value: str) -> list[AnyTrack]:
        """Return the tracks, also those to come, whose label has that value."""
        return self._by_key.setdefault(value, [])

    def retain(self, seconds: float) -> None:
        """Keep at least so many seconds."""
        self.retention = max(self.retention, seconds)

    def thin(self, track: AnyTrack, ticks: Ticks) -> None:
        """Let a track forget what nobody asks for, when that is worth its time."""
        if track.due():
            # A little more than is asked for stays, so that windows go on from where they were.
            oldest = ticks.oldest(1.1 * self.retention)
            self.horizon = max(self.horizon, oldest)
            track.thin(ticks.times, oldest)

    def clear(self) -> None:
        """Forget every track."""
        self.all.clear()
        for tracks in self._by_key.values():
            tracks.clear()
        self.horizon = float("-inf")
        self.removals += 1
