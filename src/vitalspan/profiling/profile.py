"""The profile of a slow call: where it was, again and again, from when it was slow to its end."""

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
"""Lines in the text of a profile."""


@dataclass(frozen=True)
class Profile:
    """The profile of a slow call.

    It has names of functions, files and numbers of lines, and never the value of a variable.

    Attributes:
        id: of the profile; the call's span has it as `vitalspan.profile_id`, and its `CallRecord`
            as `profile_id`.
        component: of the operation.
        operation: its name.
        labels: the declared ones.
        start: when the call began, in seconds since the Unix epoch.
        duration: of the call in seconds; of one that went on when its profile ended, until then.
        ended: whether the call had ended when its profile did.
        slow: the limit in seconds that the call passed.
        profiled_from: the seconds from the start of the call to the first sample.
        trace_id: in hexadecimal; None for a call without a span.
        span_id: in hexadecimal; None for a call without a span.
        thread: the name of the thread that ran it; None if it was suspended all the time.
        task: the name of the asyncio task that it belongs to, if that is known.
        missed: how often the call was not found where it should have been.
        samples: the stacks, each from the function or block that is recorded inwards.
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
        """The component and the operation with the duration, for headings."""
        return f"{self.component}/{self.operation}, {self.duration:.3f} s"

    def lines(self) -> list[LineTime]:
        """Return the lines that took time themselves, the one that took most first."""
        return list(self.samples.lines())

    def collapsed(self) -> str:
        """Return the profile as collapsed stacks, one a line with its number of samples.

        The format is that of Brendan Gregg's `flamegraph.pl`, which many other tools read.
        """
        return as_collapsed(self.samples)

    def speedscope(self) -> dict[str, Any]:
        """Return the profile as https://www.speedscope.app reads it, ready for JSON."""
        return as_speedscope(self.samples, self.name)

    def svg(self) -> str:
        """Return the profile as a flame graph: one SVG file that needs nothing else."""
        return as_svg(self.samples, self.name)

    def __str__(self) -> str:
        seconds = self.samples.total
        head = f"{self.name}: {len(self.samples.leaves)} samples of {seconds:.3f} s"
        rows = [
            f"  {one.share:4.0%}  {one.seconds:.3f} s  {one_line(one.frame.place)}"
            for one in self.lines()[:_LISTED]
        ]
        return "\n".join([one_line(head), *rows])
