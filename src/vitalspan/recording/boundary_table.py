"""The bucket boundaries of every operation of one monitor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vitalspan.bucket_boundaries import LONGEST
from vitalspan.recording.buckets import BucketGrid, grid_of
from vitalspan.runtime.internal_errors import logger

_NONE: Final[frozenset[float]] = frozenset()

MAX_DECLARED: Final = 10_000
"""The maximum number of operations with boundaries of their own; others use the monitor's."""


class BoundaryTable:
    """The boundaries that operations declare, those of all others, and the thresholds of SLOs.

    Args:
        default: the boundaries, in seconds, of operations that declare none.
        from_slos: whether the thresholds of SLOs are boundaries of every operation as well.
    """

    def __init__(self, default: tuple[float, ...], *, from_slos: bool) -> None:
        self._default = default
        self._from_slos = from_slos
        self._thresholds: frozenset[float] = frozenset()
        self._declared: dict[tuple[str, str], tuple[float, ...]] = {}
        self._conflicting: set[tuple[str, str]] = set()

    def configure(self, default: tuple[float, ...], *, from_slos: bool) -> bool:
        """Change the boundaries; the arguments are those of the class.

        Returns:
            Whether any operation has different boundaries now.
        """
        before = (self._default, self._added())
        self._default, self._from_slos = default, from_slos
        return before != (self._default, self._added())

    def set_thresholds(self, thresholds: Iterable[float]) -> bool:
        """Set the thresholds of SLOs in seconds.

        Returns:
            Whether any operation has different boundaries now.
        """
        before = self._added()
        self._thresholds = frozenset(
            float(seconds) for seconds in thresholds if 0 < seconds <= LONGEST
        )
        return before != self._added()

    def declare(self, component: str, operation: str, boundaries: tuple[float, ...]) -> bool:
        """Store an operation's own boundaries. The first declaration wins.

        Returns:
            Whether they are new.
        """
        key = (component, operation)
        first = self._declared.get(key)
        if first is None and len(self._declared) < MAX_DECLARED:
            first = self._declared.setdefault(key, boundaries)
            if first is boundaries:
                return True
        if first is None or first == boundaries:
            return False
        if key not in self._conflicting:
            self._conflicting.add(key)
            logger.warning(
                "operation %s of component %s is defined with buckets=%s and with buckets=%s: the "
                "first ones are used for both, so make them the same, or rename one of the "
                "operations",
                operation,
                component,
                first,
                boundaries,
            )
        return False

    def grid(self, component: str, operation: str) -> BucketGrid:
        """Return the buckets of an operation."""
        boundaries = self._declared.get((component, operation), self._default)
        added = self._added()
        if not added.issubset(boundaries):
            boundaries = tuple(sorted({*boundaries, *added}))
        return grid_of(boundaries)

    def _added(self) -> frozenset[float]:
        return self._thresholds if self._from_slos else _NONE
