"""A metric family without its samples."""

from __future__ import annotations

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
"""What the names of samples have beyond the name of their metric, by the type of the metric."""


class Family(NamedTuple):
    """A metric family without its samples.

    The name is that of the samples for counters and information (it ends in `_total` or `_info`),
    that of the family otherwise.
    """

    name: str
    type: str
    help: str
    unit: str = ""

    @property
    def base_name(self) -> str:
        """The name without the ending that only samples have, as OpenMetrics names the family."""
        return self.name.removesuffix(SAMPLE_ENDINGS[self.type][0])

    @property
    def sample_names(self) -> set[str]:
        """The names that samples can have in the text formats."""
        base = self.base_name
        return {self.name, *(base + ending for ending in SAMPLE_ENDINGS[self.type])}


_COUNTER_ENDINGS: Final = ("_total", "_count", "_sum", "_bucket")


def is_counter(metric: str) -> bool:
    """Return whether a metric of that name is a counter, or a part of a histogram that is one."""
    return metric.endswith(_COUNTER_ENDINGS)
