"""The periods of statistics: the whole time since the start, or a window of the history."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from vitalspan.argument_checks import is_number
from vitalspan.errors import ConfigurationError
from vitalspan.history.ticks import LONGEST
from vitalspan.labels import Labels
from vitalspan.metrics import COMPONENT
from vitalspan.recording.counts import ApiCounts, CacheCounts, ModelCounts
from vitalspan.runtime.pace import pause_if_due
from vitalspan.statistics.call_sums import CallSums
from vitalspan.store.call_selection import EVERY_CALL, CallSelection

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.history.time_series import TimeSeries
    from vitalspan.recording.counts import Counts
    from vitalspan.recording.series import Series

Key = tuple[str | None, str | None]
"""The component and the operation of pooled series; None for all."""


def keys_of(component: str | None, operation: str | None) -> tuple[Key, ...]:
    """Return all keys that the calls of an operation are pooled with."""
    return (None, None), (component, None), (None, operation), (component, operation)


class SeriesNames(NamedTuple):
    """The names that identify a series of calls that is not in memory."""

    component: str
    operation: str
    labels: Labels


KeyOf = Callable[["Series | SeriesNames"], Key | None]
"""Returns the key with which a series is pooled; None if it is left out."""

_SLACK: Final = 1e-3

_OPEN: Final = float("inf")
"""The end of a window that has not ended."""


class Period(Protocol):
    """A period, and its counts."""

    @property
    def seconds(self) -> float:
        """The length of the period, in seconds."""

    def pool(self, sums: dict[Key, CallSums], key_of: KeyOf) -> None:
        """Add the calls that ended in it to sums."""

    def caches(self) -> Iterable[CacheCounts]:
        """Return the lookups in caches."""

    def apis(self) -> Iterable[ApiCounts]:
        """Return the calls to APIs."""

    def models(self) -> Iterable[ModelCounts]:
        """Return the calls to models of APIs."""


class PeriodQuestion(NamedTuple):
    """A query for a period.

    Attributes:
        window: the length of the period in seconds.
        offset: the seconds since its end.
        selection: the calls.
    """

    window: float
    offset: float
    selection: CallSelection = EVERY_CALL


class SinceStart:
    """The time since the first process started counting.

    Args:
        counts: the counts.
        series: the series with all finished calls counted.
    """

    def __init__(self, counts: Counts, series: list[Series]) -> None:
        self._series = series
        self.caches, self.apis, self.models = counts.caches, counts.apis, counts.models
        epoch = counts.epoch()
        # Other processes may have started earlier.
        created = (one.created - epoch for one in series if one.created)
        self.seconds = max(0.0, counts.now() - min(counts.born, *created, counts.now()))

    def pool(self, sums: dict[Key, CallSums], key_of: KeyOf) -> None:
        """Add the calls that ended in it to sums."""
        for series in self._series:
            key = key_of(series)
            if key is not None:
                sums.setdefault(key, CallSums()).add_series(series)


class Window:
    """The time between two ticks of a history.

    Args:
        history: the history to read.
        window: the intended length in seconds.
        offset: the seconds since its end.

    Attributes:
        start: the tick at the start, on the steady clock.
        end: the tick at the end, on the steady clock.
        seconds: the actual length.
    """

    def __init__(self, history: History, window: float, offset: float) -> None:
        self._history = history
        ticks, now = history.ticks, history.ticks.times[-1]
        self.end = ticks.start(now, offset) if offset else now
        # Entries before the horizon have been dropped from some series.
        self.start = self._start = max(
            ticks.start(now, offset + window), history.operations.horizon
        )
        self.seconds = max(0.0, self.end - self._start)
        self._end = self.end if offset else _OPEN

    def pool(self, sums: dict[Key, CallSums], key_of: KeyOf) -> None:
        """Add the calls that ended in it to sums."""
        for track in self._history.operations.all:
            pause_if_due()
            key = key_of(track.series)
            if key is not None:
                sums.setdefault(key, CallSums()).add_track(track, self._start, self._end)

    def lacks(self, window: float, offset: float) -> bool:
        """Return whether a period begins before the history does."""
        now = self._history.ticks.times[-1]
        return now - offset - window < self.start - _SLACK

    def caches(self) -> Iterator[CacheCounts]:
        """Yield the lookups in caches."""
        for track in self._history.caches.all:
            grown = self._grown(track, "hits", "misses")
            yield CacheCounts(track.labels[COMPONENT], track.labels["cache"], *grown)

    def apis(self) -> Iterator[ApiCounts]:
        """Yield the calls to APIs."""
        for track in self._history.apis.all:
            grown = self._grown(track, "oks", "errors", "tokens", "cost")
            yield ApiCounts(track.labels[COMPONENT], track.labels["api"], *grown)

    def models(self) -> Iterator[ModelCounts]:
        """Yield the calls to models of APIs."""
        for track in self._history.models.all:
            labels, amounts = track.labels, track.amounts(self._start, self._end)
            yield ModelCounts(labels[COMPONENT], labels["api"], labels["model"], amounts)

    def _grown(self, track: TimeSeries, *columns: str) -> list[float]:
        start, end = self._start, self._end
        return [track.increase(name, start) - track.increase(name, end) for name in columns]


def check_period(window: float | None, offset: float, longest: float = LONGEST) -> None:
    """Check a requested period.

    Args:
        window: its length in seconds; None for the whole time since the start.
        offset: the seconds since its end.
        longest: the maximum number of seconds to look back.

    Raises:
        ConfigurationError: for a period that is not available.
    """
    if window is not None and not (_is_finite(window) and window > 0):
        raise ConfigurationError(f"window={window!r:.80}: use a number of seconds above 0")
    if not (_is_finite(offset) and offset >= 0):
        raise ConfigurationError(f"offset={offset!r:.80}: use a number of seconds from 0 up")
    if window is None and offset:
        raise ConfigurationError(
            f"offset={offset!r:.80}: a period that ended in the past needs a window= as well"
        )
    if window is not None and window + offset > longest:
        raise ConfigurationError(
            f"window={window!r:.80} and offset={offset!r:.80}: the history is {longest:.0f} "
            "seconds long at most"
        )


def _is_finite(value: object) -> bool:
    return is_number(value) and math.isfinite(value)
