"""The details of one operation, as lines of the screen."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from vitalspan.top.figures import Figures
from vitalspan.top.terminal_text import number, percent, safe, seconds

_ROOM = 69
"""The characters beside the names of the rows, in 80 columns."""


def detail_lines(one: Figures) -> list[Text]:
    """Return the details of an operation, the most frequent errors first."""
    quantiles = "  ".join(
        f"p{q * 100:.0f} {seconds(one.quantile(q))}" for q in (0.5, 0.75, 0.95, 0.99)
    )
    rows = [
        *_folded("operation", safe(one.operation)),
        *_folded("component", safe(one.component)),
        ("instance", safe(one.instance) or "all together"),
        ("calls", f"{number(one.call_rate)} per second, {number(one.calls)} since the start"),
        ("durations", f"mean {seconds(one.mean)}  {quantiles}"),
        ("running", f"{number(one.in_progress)}, the oldest for {seconds(one.oldest)}"),
        ("busy", f"{number(one.busy)} at once"),
        ("cancelled", f"{number(one.cancelled)} since the start"),
        ("errors", f"{percent(one.error_ratio)} of calls, {number(one.error_rate)} per second"),
    ]
    errors = sorted(one.errors.items(), key=lambda error: (-error[1], error[0]))
    rows += [("", f"{number(count):>5} {safe(kind)}") for kind, count in errors if count]
    return [Text(f"{name:<11}{value}", no_wrap=True, overflow="ellipsis") for name, value in rows]


def _folded(name: str, value: str) -> Iterator[tuple[str, str]]:
    for start in range(0, max(1, len(value)), _ROOM):
        yield name if start == 0 else "", value[start : start + _ROOM]
