"""The time series of models: those of the most called ones, if there are very many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vitalspan.history.model_series import ModelSeries
from vitalspan.history.series_index import SeriesIndex
from vitalspan.history.ticks import Ticks
from vitalspan.metrics import COMPONENT
from vitalspan.recording.counts import ModelCounts
from vitalspan.recording.model_amounts import ModelKey
from vitalspan.runtime.internal_errors import logger

MAX_MODELS: Final = 500
"""The maximum number of models with a history. A busy one takes 40 kB for an hour."""

_MORE_CALLS: Final = 2
"""How many times as many calls a model needs to take the place of another one.

Two of them do not take turns then, which would leave both without a past.
"""


class ModelIndex(SeriesIndex[ModelSeries]):
    """The time series of models, of which there are at most `MAX_MODELS`.

    Further models only have their totals. A model that is called much more often than the least
    called one takes its place.
    """

    def __init__(self) -> None:
        super().__init__("model")
        self._tracks: dict[ModelKey, ModelSeries] = {}
        self._is_reported = False

    def note(self, now: float, models: Iterable[ModelCounts], ticks: Ticks) -> None:
        """Record the amounts of models at a tick.

        Args:
            now: the tick.
            models: what they have counted so far.
            ticks: all ticks.
        """
        least: ModelSeries | None = None
        for component, api, model, amounts in models:
            key = (component, api, model)
            track = self.series_of(key, since=ticks.times[-1])
            if track is None:
                least = least or min(self.all, key=ModelSeries.calls)
                if amounts.calls <= _MORE_CALLS * least.calls():
                    continue
                self.remove(least)
                least = None
                track = self._add(key, since=now)
                track.note(now, amounts)
                # Its earlier calls are in no period.
                track.begin_at_first_entry()
            elif track.note(now, amounts):
                self.thin(track, ticks)

    def series_of(self, key: ModelKey, since: float) -> ModelSeries | None:
        """Return the time series of a model; None if there is no place for another one.

        Args:
            key: the component, the API and the model.
            since: the time from which on a new series is counted.
        """
        track = self._tracks.get(key)
        if track is None:
            if len(self._tracks) >= MAX_MODELS:
                self._report()
                return None
            track = self._add(key, since)
        return track

    def remove(self, series: ModelSeries | None) -> None:
        """Remove a series if it is in the index."""
        super().remove(series)
        if series is not None:
            del self._tracks[_key(series)]

    def clear(self) -> None:
        """Remove all series."""
        super().clear()
        self._tracks.clear()

    def _add(self, key: ModelKey, since: float) -> ModelSeries:
        component, api, model = key
        labels = {COMPONENT: component, "api": api, "model": model}
        track = self._tracks[key] = self.add(ModelSeries(labels, since))
        return track

    def _report(self) -> None:
        if not self._is_reported:
            self._is_reported = True
            logger.warning(
                "there are more than %d models of APIs, so the least called ones have figures "
                "since the start, but none of periods: use fewer different names of models",
                MAX_MODELS,
            )


def _key(series: ModelSeries) -> ModelKey:
    labels = series.labels
    return labels[COMPONENT], labels["api"], labels["model"]
