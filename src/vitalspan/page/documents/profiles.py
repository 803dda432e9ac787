"""The documents of profiles: of all stored ones, of one of them, and one of them as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.page.problem import NotFoundError

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor
    from vitalspan.profiling.profile import Profile

MOST_NODES: Final = 1500
"""The maximum number of tree nodes to show, those that took most time."""

MOST_LINES: Final = 20


@dataclass(frozen=True)
class ProfileSummary:
    """A profile without its stacks.

    Attributes:
        id: the id of the profile.
        component: the component of the operation.
        operation: the name of the operation.
        labels: the declared labels.
        start: when the call began, in seconds since the Unix epoch.
        duration: the duration of the call, or until the end of the profile if that was earlier.
        ended: whether the call had ended at the end of the profile.
        slow: the limit in seconds that the call exceeded.
        profiled_from: the seconds from the start of the call to the first sample.
        seconds: the seconds that were sampled.
        samples: the number of samples of the call.
        missed: how often the call was not found where it should have been.
        trace_id: the trace id in hexadecimal; None for a call without a span.
        thread: the name of the thread that ran it; None if it was always suspended.
        task: the name of its asyncio task, if that is known.
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
    seconds: float
    samples: int
    missed: int
    trace_id: str | None
    thread: str | None
    task: str | None


@dataclass(frozen=True)
class Profiles:
    """The stored profiles.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        enabled: whether slow calls are profiled.
        profiles: the profiles, the latest first.
    """

    at: float
    enabled: bool
    profiles: tuple[ProfileSummary, ...]


@dataclass(frozen=True)
class ProfileNode:
    """A frame and its position in the tree of calls.

    Attributes:
        parent: the index of the node that called it; -1 for an outermost frame.
        function: the qualified name of the function.
        file: the path relative to its import directory; empty if there is none.
        lineno: the line number.
        seconds: the time including everything that it has called.
        own_seconds: the time in which it was the innermost frame.
    """

    parent: int
    function: str
    file: str
    lineno: int
    seconds: float
    own_seconds: float


@dataclass(frozen=True)
class ProfileLine:
    """The time of a line.

    Attributes:
        function: the qualified name of its function.
        file: the path relative to its import directory.
        lineno: the line number.
        seconds: the time in which it was the innermost line of the stack.
        share: the share of the sampled time, 0 to 1.
    """

    function: str
    file: str
    lineno: int
    seconds: float
    share: float


@dataclass(frozen=True)
class ProfileDetail:
    """A profile with its tree of frames.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        profile: the profile.
        nodes: parents come before their children; at most 1,500, those that took most time.
        lines: at most 20 lines, those that took most time themselves.
        trace_url: the URL of a trace, with `{trace_id}` in the place of its id; empty without one.
    """

    at: float
    profile: ProfileSummary
    nodes: tuple[ProfileNode, ...]
    lines: tuple[ProfileLine, ...]
    trace_url: str


def profiles(monitor: Monitor, asked: dict[str, Any]) -> Profiles:
    """Return the stored profiles of slow calls, without their stacks."""
    found = summaries(monitor, asked["operation"], asked["component"])
    return Profiles(monitor.clock.wall(), monitor.settings.profile_slow_calls, found)


def summaries(
    monitor: Monitor, operation: str | None, component: str | None
) -> tuple[ProfileSummary, ...]:
    """Return the profiles of an operation or a component, the latest first."""
    kept = monitor.profiles.recent(operation, component=component)
    return tuple(_summary(one) for one in reversed(kept))


def profile(monitor: Monitor, asked: dict[str, Any]) -> ProfileDetail:
    """Return one profile, with the tree of its frames."""
    found = _found(monitor, asked)
    lines = tuple(
        ProfileLine(one.frame.function, one.frame.file, one.frame.lineno, one.seconds, one.share)
        for one in found.lines()[:MOST_LINES]
    )
    return ProfileDetail(
        monitor.clock.wall(), _summary(found), _nodes(found), lines, monitor.settings.trace_url
    )


def collapsed(monitor: Monitor, asked: dict[str, Any]) -> bytes:
    """Return one profile as collapsed stacks."""
    return _found(monitor, asked).collapsed().encode("utf-8", "replace")


def speedscope(monitor: Monitor, asked: dict[str, Any]) -> bytes:
    """Return one profile for speedscope."""
    return json.dumps(_found(monitor, asked).speedscope(), separators=(",", ":")).encode()


def svg(monitor: Monitor, asked: dict[str, Any]) -> bytes:
    """Return one profile as a flame graph."""
    return _found(monitor, asked).svg().encode("utf-8", "replace")


def _found(monitor: Monitor, asked: dict[str, Any]) -> Profile:
    found = monitor.profiles.get(asked["id"])
    if found is None:
        raise NotFoundError("there is no profile with this id: only the latest profiles are kept")
    return found


def _summary(one: Profile) -> ProfileSummary:
    return ProfileSummary(
        id=one.id,
        component=one.component,
        operation=one.operation,
        labels=one.labels,
        start=one.start,
        duration=one.duration,
        ended=one.ended,
        slow=one.slow,
        profiled_from=one.profiled_from,
        seconds=one.samples.total,
        samples=len(one.samples.leaves),
        missed=one.missed,
        trace_id=one.trace_id,
        thread=one.thread,
        task=one.task,
    )


def _nodes(one: Profile) -> tuple[ProfileNode, ...]:
    samples = one.samples
    seconds, own = samples.node_seconds, samples.own_seconds
    # A callee took no longer than its caller and comes after it, so the selected nodes always
    # include their parents.
    order = sorted(range(len(samples.nodes)), key=lambda index: (-seconds[index], index))
    chosen = sorted(order[:MOST_NODES])
    places = {index: place for place, index in enumerate(chosen)} | {-1: -1}
    return tuple(
        ProfileNode(
            places[samples.nodes[index].parent],
            (frame := samples.frames[samples.nodes[index].frame]).function,
            frame.file,
            frame.lineno,
            seconds[index],
            own[index],
        )
        for index in chosen
    )
