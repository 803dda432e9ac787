"""A metric family without its samples."""

from __future__ import annotations

from typing import Final, NamedTuple


class Family(NamedTuple):
    """A metric family without its samples.

    The name is that of the samples for counters and information (it ends in `_total` or `_info`),
    that of the family otherwise.
    """

    name: str
    type: str
    help: str
    unit: str = ""


_COUNTER_ENDINGS: Final = ("_total", "_count", "_sum", "_bucket")


def is_counter(metric: str) -> bool:
    """Return whether a metric of that name is a counter, or a part of a histogram that is one."""
    return metric.endswith(_COUNTER_ENDINGS)
