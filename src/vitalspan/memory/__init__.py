"""Where memory is allocated, what a block of code keeps, and whether a function leaks."""

from vitalspan.memory.repeated_runs import Growth, growth
from vitalspan.memory.snapshots import Difference, differences, is_tracking, snapshot
from vitalspan.memory.tracked import Tracked, track

__all__ = [
    "Difference",
    "Growth",
    "Tracked",
    "differences",
    "growth",
    "is_tracking",
    "snapshot",
    "track",
]
