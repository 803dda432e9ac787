"""A monitor whose samples are kept for promtool."""

from __future__ import annotations

from typing import Any

from support.watched import Watched
from vitalspan.promql.matchers import quoted


class Sampled(Watched):
    """A recorder of all samples of all ticks, as a server that scrapes at the ticks would have."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.series: dict[str, list[str]] = {}
        self._taken = 0

    def take_samples(self) -> None:
        for family in self.registry.collect():
            for sample in family.samples:
                labels = {**sample.labels, "job": "shop", "instance": "one"}
                text = ",".join(f"{name}={quoted(value)}" for name, value in labels.items())
                values = self.series.setdefault(f"{sample.name}{{{text}}}", ["_"] * self._taken)
                values.append(repr(float(sample.value)))
        self._taken += 1
