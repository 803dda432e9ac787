"""The profile of a slow call: samples of its stack from when it was slow until its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vitalspan.profiling.collapsed import as_collapsed
from vitalspan.profiling.flame_graph import as_svg
from vitalspan.profiling.speedscope import as_speedscope
from vitalspan.profiling.stack_samples import LineTime, StackSamples
from vitalspan.words import one_line

_LISTED = 5
"""The number of lines in the text of a profile."""


@dataclass(frozen=True)
class Profile:
    """The profile of a slow call.

    It has names of functions, files and line numbers, but never the value of a variable.

    Attributes:
        id: the id of the profile, which is also in the call's span as `vitalspan.profile_id` and in
            its `CallRecord` as `profile_id`.
        component: the component of the operation.
        operation: the name of the operation.
        labels: the declared labels.
        start: when the call began, in seconds since the Unix epoch.
        duration: the duration in seconds, or until the end of the profile if that was earlier.
        ended: whether the call had ended at the end of the profile.
        slow: the limit in seconds that the call exceeded.
        profiled_from: the seconds from the start of the call to the first sample.
        trace_id: the trace id in hexadecimal; None for a call without a span.
        span_id: the span id in hexadecimal; None for a call without a span.
        thread: the name of the thread that ran it; None if it was always suspended.
        task: the name of its asyncio task, if that is known.
        missed: how often the call was not found where it should have been.
        samples: the stacks, each from the recorded function or block inwards.
    """

    id: str
    component: str
    operation: str
    labels: Mapping[str, str]
    start: float
    duration: float
    ended: bool
    slow: float
    profiled_from: float
    trace_id: str | None
    span_id: str | None
    thread: str | None
    task: str | None
    missed: int
    samples: StackSamples = field(repr=False)

    @property
    def name(self) -> str:
        """The component, the operation and the duration, for headings."""
        return f"{self.component}/{self.operation}, {self.duration:.3f} s"

    def lines(self) -> list[LineTime]:
        """Return the lines by their own time, the most first."""
        return list(self.samples.lines())

    def collapsed(self) -> str:
        """Return the profile as collapsed stacks, one per line with its number of samples.

        The format is that of Brendan Gregg's `flamegraph.pl`, which many other tools read.
        """
        return as_collapsed(self.samples)

    def speedscope(self) -> dict[str, Any]:
        """Return the profile in the format of https://www.speedscope.app, ready for JSON."""
        return as_speedscope(self.samples, self.name)

    def svg(self) -> str:
        """Return the profile as a flame graph: a single SVG file without external resources."""
        return as_svg(self.samples, self.name)

    def __str__(self) -> str:
        seconds = self.samples.total
        head = f"{self.name}: {len(self.samples.leaves)} samples of {seconds:.3f} s"
        rows = [
            f"  {one.share:4.0%}  {one.seconds:.3f} s  {one_line(one.frame.place)}"
            for one in self.lines()[:_LISTED]
        ]
        return "\n".join([one_line(head), *rows])
