"""The resolution of kept samples: all of them, or one in each slot of time."""

from __future__ import annotations

from typing import Final, NamedTuple

from vitalspan.promql.engine.evaluation_context import LOOKBACK
from vitalspan.promql.engine.parse import PromqlError
from vitalspan.promql.engine.series import Demand

SLOTS: Final = ((900_000, 0), (6 * 3_600_000, 60_000), (3 * 86_400_000, 600_000))
"""Pairs of a reach up to which samples are kept, and their slot length, in milliseconds.

They are those of `vitalspan.history.ticks`, but one expression uses a single slot length: an
average over windows that are denser at one end would not be an average over time. A slot length of
0 keeps all samples.
"""

LONGEST_SLOT: Final = 3_600_000

LONGEST: Final = 31 * 86_400_000
"""The maximum number of milliseconds that an expression can look back."""

FEWEST: Final = 4
"""The minimum number of samples that a range should have."""

MOST: Final = 5000
"""The maximum number of samples per series for an expression, assuming one tick per second."""

_TICK: Final = 1000


class Resolution(NamedTuple):
    """The samples that are kept for an expression.

    Attributes:
        slot: the milliseconds for which one sample is kept; 0 keeps all.
        retention: milliseconds that they are kept.
    """

    slot: int
    retention: int


def resolution_of(demand: Demand) -> Resolution:
    """Return which samples to keep for a demand.

    Raises:
        PromqlError: if there would be too many, or if it refers to a fixed time.
    """
    what = str(demand.selector)
    if demand.back is None:
        raise PromqlError(
            "@ with a fixed time is not supported, because samples are only kept for a while: "
            "look back with offset"
        )
    width = demand.range or LOOKBACK
    reach = max(0, demand.back) + width
    if reach > LONGEST:
        raise PromqlError(
            f"{what} looks back {_days(reach)} days, and samples are kept for {_days(LONGEST)}: "
            "use a shorter range, or leave the rule to a server"
        )
    coarsest = next((slot for limit, slot in SLOTS if reach <= limit), LONGEST_SLOT)
    fitting = [
        slot
        for slot in (0, *(slot for _, slot in SLOTS[1:]), LONGEST_SLOT)
        if slot <= coarsest and slot * FEWEST <= width
    ]
    slot = fitting[-1]
    if reach / (slot or _TICK) > MOST:
        raise PromqlError(
            f"{what} looks back {_days(reach)} days for windows of {width // 1000} s, which is "
            f"more than {MOST} samples of each series: use longer windows, or leave the rule to a "
            "server"
        )
    return Resolution(slot, reach)


def _days(milliseconds: int) -> str:
    return f"{milliseconds / 86_400_000:.3g}"
