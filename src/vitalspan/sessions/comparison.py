"""Compares two sessions, and detects which changes are more than noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.sessions.significance import (
    FISHER,
    MANN_WHITNEY,
    Significance,
    fisher,
    mann_whitney,
)
from vitalspan.statistics.call_statistics import CallStatistics
from vitalspan.statistics.call_sums import CallSums
from vitalspan.statistics.call_text import subject_text, with_lines
from vitalspan.timestamps import timestamp
from vitalspan.units import NUMBER, RATIO, SECONDS, Unit, value_text
from vitalspan.words import counted, one_line

FIGURES: Final = (
    "count",
    "errors",
    "error_rate",
    "mean",
    "min",
    "max",
    "stddev",
    "p50",
    "p95",
    "p99",
)


@dataclass(frozen=True)
class Change:
    """The change of one figure.

    Attributes:
        figure: the name of the figure, as in `CallStatistics`.
        before: the old value; None if it was undefined.
        after: the new value.
        difference: the increase; None if one of the values is undefined.
        ratio: the new value as a multiple of the old one; None if that was 0.
    """

    figure: str
    before: float | None
    after: float | None

    @property
    def difference(self) -> float | None:
        """The difference between both values; None if one of them is undefined."""
        if self.before is None or self.after is None:
            return None
        return self.after - self.before

    @property
    def ratio(self) -> float | None:
        """The new value as a multiple of the old one; None if that was 0."""
        return self.after / self.before if self.before and self.after is not None else None


@dataclass(frozen=True)
class OperationComparison:
    """The changes of one operation.

    Attributes:
        component: the component of the operation.
        operation: the name of the operation.
        before: the statistics in the first session; None if it was not called.
        after: the statistics in the second session; None if it was not called.
        changes: the changes of each figure, by name.
        durations: whether calls take longer or shorter, by the Mann-Whitney U test.
        errors: whether calls fail more or less often, by Fisher's exact test.
    """

    component: str
    operation: str
    before: CallStatistics | None
    after: CallStatistics | None
    changes: dict[str, Change]
    durations: Significance
    errors: Significance

    def __str__(self) -> str:
        return _operation_text(self)


@dataclass(frozen=True)
class Comparison:
    """The changes between two sessions.

    Attributes:
        before: the statistics of the first session.
        after: the statistics of the second session.
        confidence: the required confidence of a test for a change to count.
        operations: the changes of each operation, ordered by the time in the second session.
        counts: the changes of the program's own counts, by name.
    """

    before: SessionStatistics
    after: SessionStatistics
    confidence: float
    operations: tuple[OperationComparison, ...]
    counts: dict[str, Change]

    def operation(self, name: str, component: str | None = None) -> OperationComparison:
        """Return the changes of one operation.

        Raises:
            KeyError: for an operation that was called in neither session.
        """
        for one in self.operations:
            if one.operation == name and component in (None, one.component):
                return one
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the changes in types that JSON has."""
        return {
            "before": self.before.name,
            "after": self.after.name,
            "confidence": self.confidence,
            "operations": [
                {
                    "component": one.component,
                    "operation": one.operation,
                    "changes": {name: _plain(change) for name, change in one.changes.items()},
                    "durations": {**vars(one.durations), "confidence": one.durations.confidence},
                    "errors": {**vars(one.errors), "confidence": one.errors.confidence},
                }
                for one in self.operations
            ],
            "counts": {name: _plain(change) for name, change in self.counts.items()},
        }

    def __str__(self) -> str:
        return _comparison_text(self)


def compare(before: SessionStatistics, after: SessionStatistics, confidence: float) -> Comparison:
    """Return the changes between two sessions.

    Raises:
        ConfigurationError: for an invalid confidence.
    """
    if not 0 < confidence < 1:
        raise ConfigurationError(f"confidence={confidence!r:.80}: give a number between 0 and 1")
    names = {**dict.fromkeys(before.counts), **dict.fromkeys(after.counts)}
    operations = sorted(
        _operations(before, after, 1 - confidence),
        key=lambda one: -(one.after.total if one.after else 0.0),
    )
    counts = {
        name: Change(name, before.counts.get(name, 0), after.counts.get(name, 0)) for name in names
    }
    return Comparison(before, after, confidence, tuple(operations), counts)


def _operations(
    before: SessionStatistics, after: SessionStatistics, alpha: float
) -> Iterator[OperationComparison]:
    first, second = (
        {(one.component, one.operation): one for one in session.operations}
        for session in (before, after)
    )
    for key in {**before.sums, **after.sums}:
        one, other = first.get(key), second.get(key)
        yield OperationComparison(
            *key,
            one,
            other,
            {
                name: Change(name, getattr(one, name, None), getattr(other, name, None))
                for name in FIGURES
            },
            _result(MANN_WHITNEY, _durations_p(before.sums.get(key), after.sums.get(key)), alpha),
            _result(FISHER, _errors_p(one, other), alpha),
        )


def _result(test: str, p_value: float | None, alpha: float) -> Significance:
    return Significance(test, p_value, p_value is not None and p_value < alpha)


def _durations_p(before: CallSums | None, after: CallSums | None) -> float | None:
    if before is None or after is None:
        return None
    return mann_whitney(before.durations(), after.durations())


def _errors_p(before: CallStatistics | None, after: CallStatistics | None) -> float | None:
    if before is None or after is None:
        return None
    judged = [one.count - one.cancellations for one in (before, after)]
    errors = [min(one.errors, size) for one, size in zip((before, after), judged, strict=True)]
    return fisher(errors[0], judged[0], errors[1], judged[1]) if all(judged) else None


def _plain(change: Change) -> dict[str, Any]:
    return {
        "before": change.before,
        "after": change.after,
        "difference": change.difference,
        "ratio": change.ratio,
    }


def _comparison_text(comparison: Comparison) -> str:
    """Return how many operations have changed, and a line for each, the changed ones first."""
    operations = comparison.operations
    changed = [one for one in operations if _has_changed(one)]
    others = [one for one in operations if not _has_changed(one)]
    before, after = (
        f"{session.name} of {timestamp(session.start)}"
        for session in (comparison.before, comparison.after)
    )
    head = (
        f"{after}, compared with {before}: {len(changed)} of "
        f"{counted(len(operations), 'operation')} changed ({comparison.confidence:.4g} confidence)"
    )
    text = with_lines(one_line(head), [str(one) for one in (*changed, *others)], "operation")
    counts = [
        one_line(f"{name}: {_change_text(change, NUMBER)}")
        for name, change in comparison.counts.items()
    ]
    return with_lines(f"{text}\ncounted", counts, "name") if counts else text


def _operation_text(one: OperationComparison) -> str:
    """Return the changes of one operation in one line."""
    subject = subject_text(one.component, one.operation)
    if one.before is None or one.after is None:
        counts = [
            counted(figures.count, "call") if figures else "not called"
            for figures in (one.before, one.after)
        ]
        return f"{subject}: {counts[0]} before, {counts[1]} after"
    mean = _change_text(one.changes["mean"], SECONDS)
    errors = _change_text(one.changes["error_rate"], RATIO)
    return (
        f"{subject}: mean {mean}, {_verdict(one.durations)}; "
        f"error rate {errors}, {_verdict(one.errors)}"
    )


def _has_changed(one: OperationComparison) -> bool:
    return one.durations.significant or one.errors.significant


def _change_text(change: Change, unit: Unit) -> str:
    before, after = (
        "unknown" if value is None else value_text(value, unit)
        for value in (change.before, change.after)
    )
    if before == after:
        return f"{after} as before"
    growth = "" if change.ratio is None else f" ({(change.ratio - 1) * 100:+.3g} %)"
    return f"{before} to {after}{growth}"


def _verdict(test: Significance) -> str:
    if test.p_value is None:
        return "too few calls to tell"
    verdict = "changed" if test.significant else "no more than noise"
    return f"{verdict} (p = {test.p_value:.2g})"
