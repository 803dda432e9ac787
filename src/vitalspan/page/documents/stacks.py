"""The document of stacks: where the calls are that are inside now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.statistics.running_stacks import RunningStack
from vitalspan.statistics.source_path import short_path

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

MOST_CALLS: Final = 100
"""Calls in one document, at most."""

MOST_FRAMES: Final = 100
"""Frames of a call that are shown, the innermost ones."""


@dataclass(frozen=True)
class StackFrame:
    """A frame of a stack.

    Attributes:
        function: the qualified name of the function.
        file: the path relative to its import directory.
        lineno: the line number.
    """

    function: str
    file: str
    lineno: int


@dataclass(frozen=True)
class CallStack:
    """A call that is inside now, and where it is.

    Attributes:
        component: the component of the operation.
        operation: the name of the operation.
        labels: the declared labels.
        start: when the call began, in seconds since the Unix epoch.
        age: the seconds since then.
        trace_id: the trace id in hexadecimal; None for a call without a span.
        thread: the name of the thread that runs it; None if the call is suspended.
        task: the name of its asyncio task, if that is known.
        frames: the frames, the innermost last, at most 100; empty if the call was not found.
        frames_left_out: the number of further frames, which are the outermost ones.
    """

    component: str
    operation: str
    labels: Mapping[str, str]
    start: float
    age: float
    trace_id: str | None
    thread: str | None
    task: str | None
    frames: tuple[StackFrame, ...]
    frames_left_out: int


@dataclass(frozen=True)
class Stacks:
    """The stacks of the calls that are inside now in the process that has answered.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        calls: the running calls, the oldest first.
        total: the number of all running calls, including those that are left out.
        trace_url: the URL of a trace, with `{trace_id}` in the place of its id; empty without one.
    """

    at: float
    calls: tuple[CallStack, ...]
    total: int
    trace_url: str


def stacks(monitor: Monitor, asked: dict[str, Any]) -> Stacks:
    """Return where the calls are that are inside now, without the value of any variable."""
    operation, component = asked["operation"], asked["component"]
    found = [
        one
        for one in monitor.stacks()
        if operation in (None, one.operation) and component in (None, one.component)
    ]
    calls = tuple(map(_shown, found[: asked["limit"]]))
    return Stacks(monitor.clock.wall(), calls, len(found), monitor.settings.trace_url)


def _shown(call: RunningStack) -> CallStack:
    frames = tuple(
        StackFrame(one.name, short_path(one.filename), one.lineno or 0)
        for one in call.frames[-MOST_FRAMES:]
    )
    return CallStack(
        component=call.component,
        operation=call.operation,
        labels=call.labels,
        start=call.start,
        age=call.age,
        trace_id=call.trace_id,
        thread=call.thread,
        task=call.task,
        frames=frames,
        frames_left_out=len(call.frames) - len(frames),
    )
