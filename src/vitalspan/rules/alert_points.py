"""The points of alerts, from which health scores are made."""

from __future__ import annotations

from collections.abc import Mapping

from vitalspan.labels import Labels
from vitalspan.rules.alert_states import AlertStates
from vitalspan.signals.reader import Key
from vitalspan.signals.scores import ALERT_POINTS, SAME_MATTER


class AlertPoints:
    """The points of every possible alert.

    Of alerts that only differ in severity or window, the worst one counts. The possible alerts are
    only determined again when they change, which is at few ticks.
    """

    def __init__(self) -> None:
        self._states: list[AlertStates] = []
        self._keys: list[list[Key]] = []
        self._labels: list[Mapping[str, str]] = []
        self._places: dict[Labels, int] = {}

    def of(self, states: list[AlertStates]) -> list[tuple[Mapping[str, str], float]]:
        """Return the labels of every possible alert of some rules, and its points.

        The points are 0 unless it is firing now.

        Args:
            states: the states of the rules.
        """
        keys = [state.possible_keys() for state in states]
        if states != self._states or keys != self._keys:
            self._find_possible(states)
            self._states, self._keys = states, keys
        points = [0] * len(self._labels)
        for state in states:
            for labels, phase in state.phases() if state.instances else ():
                if phase == "firing":
                    place = self._places[_matter(labels)]
                    points[place] = max(points[place], ALERT_POINTS[labels["severity"]])
        return list(zip(self._labels, points, strict=True))

    def _find_possible(self, states: list[AlertStates]) -> None:
        matters = dict.fromkeys(_matter(labels) for state in states for labels, _ in state.phases())
        self._labels = [dict(matter) for matter in matters]
        self._places = {matter: place for place, matter in enumerate(matters)}


def _matter(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(one for one in labels.items() if one[0] not in SAME_MATTER))
