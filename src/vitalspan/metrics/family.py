"""A metric family without its samples."""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

SAMPLE_ENDINGS: Final = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "unknown": ("",),
    "info": ("_info",),
    "stateset": ("",),
    "summary": ("", "_count", "_sum", "_created"),
    "histogram": ("", "_bucket", "_count", "_sum", "_created"),
    "gaugehistogram": ("", "_bucket", "_gcount", "_gsum"),
}
"""The suffixes of the names of samples, by the type of the metric."""


class Family(NamedTuple):
    """A metric family without its samples.

    The name is that of the samples for counters and information (it ends in `_total` or `_info`),
    and that of the family otherwise.
    """

    name: str
    type: str
    help: str
    unit: str = ""

    @property
    def base_name(self) -> str:
        """The name without the suffix of its samples, which OpenMetrics uses for the family."""
        return self.name.removesuffix(SAMPLE_ENDINGS[self.type][0])

    @property
    def sample_names(self) -> set[str]:
        """The possible names of samples in the text formats."""
        base = self.base_name
        return {self.name, *(base + ending for ending in SAMPLE_ENDINGS[self.type])}


_UNITS: Final = ("seconds", "bytes", "ratio")


def _family(kind: str, name: str, description: str) -> Family:
    """Return a family, whose unit is the last part of its name, as OpenMetrics requires."""
    words = name.removesuffix("_total").split("_")
    return Family(name, kind, description, words[-1] if words[-1] in _UNITS else "")


counter = partial(_family, "counter")
gauge = partial(_family, "gauge")
histogram = partial(_family, "histogram")
summary = partial(_family, "summary")
info = partial(_family, "info")
state_set = partial(_family, "stateset")

_COUNTER_ENDINGS: Final = ("_total", "_count", "_sum", "_bucket")


def is_counter(metric: str) -> bool:
    """Return whether a metric with a name is a counter, or part of a histogram that is one."""
    return metric.endswith(_COUNTER_ENDINGS)
