"""Health scores by the models of the older monitors, whatever the monitor's own model is."""

from __future__ import annotations

from vitalspan.health.factor_models import factors_of
from vitalspan.health.readings import FactorReader
from vitalspan.health.score import score_of
from vitalspan.monitor import Monitor
from vitalspan.rules.scoring import Scoring

BEST = 100.0
"""The score if nothing is known to be wrong, such as before the first calls."""


class ModelScore:
    """The health score of a monitor by one model.

    Args:
        monitor: the monitor.
        model: `classic` or `pipeline`.
    """

    def __init__(self, monitor: Monitor, model: str) -> None:
        self._monitor = monitor
        self._factors = factors_of(Scoring(model=model), (), model)
        self._reader: FactorReader | None = None

    def __call__(self) -> float:
        """Return the score now, from 0 to 100."""
        with self._monitor.evaluation.reading_history() as history:
            if self._reader is None:
                self._reader = FactorReader(self._factors, (), history)
            readings = self._reader.read(history.ticks.times[-1])
        score = score_of(self._factors, readings.whole).value
        return BEST if score is None else score

    def by_component(self) -> dict[str, float]:
        """Return the score of each component that has calls, from 0 to 100."""
        self()
        assert self._reader is not None  # noqa: S101 - the line above has made it
        with self._monitor.evaluation.reading_history() as history:
            readings = self._reader.read(history.ticks.times[-1]).by_component
        scores = {}
        for name, by_factor in readings.items():
            chosen = [(self._factors[index], reading) for index, reading in by_factor.items()]
            value = score_of([one for one, _ in chosen], [one for _, one in chosen]).value
            if value is not None:
                scores[name] = value
        return scores
