"""The statistics of one session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vitalspan.recording.call_record import CallRecord
from vitalspan.statistics.call_statistics import CallStatistics
from vitalspan.statistics.call_sums import CallSums
from vitalspan.statistics.call_text import figures_text, with_lines
from vitalspan.units import NUMBER, value_text
from vitalspan.words import one_line

BOTTLENECK: Final = 0.2
"""The share of the time of all calls from which on an operation is a bottleneck."""


@dataclass(frozen=True)
class Bottleneck:
    """An operation that took more than 20 % of the time of all calls of its session.

    Attributes:
        component: the component of the operation.
        operation: the name of the operation.
        share: its share of the total time of all calls, 0 to 1.
    """

    component: str
    operation: str
    share: float


@dataclass(frozen=True)
class SessionStatistics:
    """The statistics of a session.

    Attributes:
        name: the name of the session.
        start: when it was opened, in seconds since the Unix epoch.
        duration: seconds until it was closed, or until now.
        calls: the statistics of all its calls.
        operations: the statistics of each operation, ordered by time, the most first.
        slowest: the five slowest calls, the slowest first.
        counts: the amounts that the program counted with `Session.count`.
        parent: the name of the session around it; None without one.
    """

    name: str
    start: float
    duration: float
    calls: CallStatistics
    operations: tuple[CallStatistics, ...]
    slowest: tuple[CallRecord, ...]
    counts: Mapping[str, float]
    parent: str | None = None
    sums: Mapping[tuple[str, str], CallSums] = field(default_factory=dict, repr=False)
    """The sums that the statistics were computed from, by component and operation."""

    @property
    def bottlenecks(self) -> tuple[Bottleneck, ...]:
        """The operations that took more than 20 % of the time of all calls, the largest first.

        The time of nested calls counts for both calls.
        """
        total = self.calls.total
        return tuple(
            Bottleneck(str(one.component), str(one.operation), one.total / total)
            for one in self.operations
            if total > 0 and one.total / total > BOTTLENECK
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        return {
            "name": self.name,
            "start": self.start,
            "duration": self.duration,
            "calls": self.calls.to_dict(),
            "operations": [one.to_dict() for one in self.operations],
            "slowest": [{**one._asdict(), "labels": dict(one.labels)} for one in self.slowest],
            "bottlenecks": [dict(vars(one)) for one in self.bottlenecks],
            "counts": dict(self.counts),
            "parent": self.parent,
        }

    def __str__(self) -> str:
        head = one_line(f"session {self.name}: {figures_text(self.calls, self.duration)}")
        text = with_lines(head, [str(one) for one in self.operations], "operation")
        counts = [
            one_line(f"{name}: {value_text(amount, NUMBER)}")
            for name, amount in self.counts.items()
        ]
        return with_lines(f"{text}\ncounted", counts, "name") if counts else text
