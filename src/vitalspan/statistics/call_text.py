"""Statistics of calls in lines of text, which `print` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from vitalspan.units import RATIO, SECONDS, value_text
from vitalspan.words import counted, one_line

_MAX_LINES: Final = 10

_DURATIONS: Final = {"mean": "mean", "p50": "p50", "p95": "p95", "max": "longest"}


class Figures(Protocol):
    """Figures of calls, with durations under the names of `CallStatistics`."""

    @property
    def count(self) -> int:
        """The number of calls that ended."""

    @property
    def errors(self) -> int:
        """The number of failed calls."""

    @property
    def error_rate(self) -> float | None:
        """The ratio of errors to calls that were not cancelled, 0 to 1."""


def subject_text(component: str | None, operation: str | None) -> str:
    """Return whose calls they are: `till/sell`, `component till` or `all operations`."""
    if operation is None:
        return "all operations" if component is None else one_line(f"component {component}")
    return one_line(operation if component is None else f"{component}/{operation}")


def figures_text(figures: Figures, seconds: float) -> str:
    """Return the most important figures: `3 calls in 12 s, 1 failed (33.33 %), mean 4 s, ...`.

    Args:
        figures: the statistics of the calls.
        seconds: the length of the period.
    """
    calls = counted(figures.count, "call") if figures.count else "no calls"
    parts = [f"{calls} in {value_text(seconds, SECONDS)}"]
    if figures.count:
        share = figures.error_rate
        failed = f"{figures.errors} failed"
        parts.append(failed if not share else f"{failed} ({value_text(share, RATIO)})")
        durations = {title: getattr(figures, name) for name, title in _DURATIONS.items()}
        parts += [
            f"{title} {value_text(duration, SECONDS)}"
            for title, duration in durations.items()
            if duration is not None
        ]
    return ", ".join(parts)


def with_lines(head: str, lines: Sequence[str], noun: str) -> str:
    """Return a line with indented lines below it.

    Args:
        head: the first line.
        lines: the other lines; ten of them are shown, and the rest is counted.
        noun: what a line is about, in the singular.
    """
    shown = list(lines[:_MAX_LINES])
    if len(lines) > _MAX_LINES:
        shown.append(f"and {counted(len(lines) - _MAX_LINES, noun)} more")
    return "\n  ".join([head, *shown])
