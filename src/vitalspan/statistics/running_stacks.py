"""The stacks of running calls."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from traceback import FrameSummary, StackSummary
from types import CodeType, MethodType
from typing import Any, Final, NamedTuple

from vitalspan.recording.call import Call
from vitalspan.recording.call_record import Record
from vitalspan.recording.current_call import WRAPPERS, call_in_wrapper
from vitalspan.recording.operation import Operation
from vitalspan.statistics.call_statistics import RunningCall
from vitalspan.statistics.thread_and_task_stacks import (
    Frame,
    WalkedStack,
    runs_coroutines,
    suspended_stacks,
    thread_stacks,
)

_PACKAGE: Final = Path(__file__).parents[1]

_LEFT_OUT: Final = tuple(
    str(_PACKAGE / name)
    for name in (
        *("recording", "statistics", "profiling", "integrations"),
        *("monitor.py", "capabilities.py"),
    )
)
"""Files whose frames do not show where a call is."""


@dataclass(frozen=True)
class RunningStack(RunningCall):
    """A running call with its stack.

    Attributes:
        thread: the name of the thread that runs it; None if the call is suspended.
        task: the name of its asyncio task, if that is known.
        frames: the frames from the recorded function or block to the current line, the innermost
            last; empty if the call was not found.
    """

    thread: str | None = None
    task: str | None = None
    frames: StackSummary = field(default_factory=StackSummary)

    @property
    def place(self) -> str | None:
        """The current line, `file:line in function`; None if it was not found."""
        if not self.frames:
            return None
        last = self.frames[-1]
        return f"{last.filename}:{last.lineno} in {last.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        frames = [
            {"filename": one.filename, "lineno": one.lineno, "function": one.name, "line": one.line}
            for one in self.frames
        ]
        return {**super().to_dict(), "frames": frames}

    def __str__(self) -> str:
        where = [f"task {self.task}"] if self.task else []
        where += [f"thread {self.thread}"] if self.thread else []
        head = f"{self.component}/{self.operation}, for {self.age:.3f} s"
        head = ", ".join([head, *where, *([f"trace {self.trace_id}"] if self.trace_id else [])])
        return f"{head}\n{''.join(self.frames.format())}".rstrip("\n")


class Place(NamedTuple):
    """The position of a call on a stack.

    Attributes:
        stack: the stack.
        anchor: the index of the frame that exists as long as the call: its wrapper's, or the one
            that has entered a block.
        begin: the index of the first frame of the call.
        call: the call.
    """

    stack: WalkedStack
    anchor: int
    begin: int
    call: Call

    @property
    def frames(self) -> list[Frame]:
        """The frames of the call, without those that do not show where it is."""
        return [one for one in self.stack.frames[self.begin :] if is_shown(one.frame.f_code)]


_Found = dict[int, Place]
"""The position of each call, by the id of its record."""


def running_stacks(calls: Sequence[tuple[Record, RunningCall]]) -> list[RunningStack]:
    """Return the stacks of calls, in the same order.

    Args:
        calls: the record of each running call, and its displayed form.
    """
    found = find_places([record for record, _ in calls])
    return [_shown(call, found.get(id(record))) for record, call in calls]


def find_places(records: Iterable[Record]) -> dict[int, Place]:
    """Return the positions of calls, by the id of their records; calls not found are left out.

    To find waiting tasks, all objects known to the garbage collector are examined.
    """
    missing = {id(record) for record in records}
    found: _Found = {}
    if not missing:
        return found
    threads = thread_stacks()
    _find(threads, missing, found)
    stacks = threads
    if missing or any(map(runs_coroutines, threads)):
        suspended = suspended_stacks(threads)
        _find(suspended, missing, found)
        stacks = threads + suspended
    if missing:
        # Up to Python 3.12, reading the variables of other frames prolongs the life of their
        # values, so this is only done for calls that are not decorated functions.
        _find_blocks(stacks, missing, found)
    return found


def _find(stacks: Iterable[WalkedStack], missing: set[int], found: _Found) -> None:
    for stack in stacks:
        for index, one in enumerate(stack.frames[: stack.own]):
            if one.frame.f_code in WRAPPERS:
                call = call_in_wrapper(one.frame.f_locals)
                if call is not None:
                    _note(Place(stack, index, index + 1, call), missing, found)


def _find_blocks(stacks: Iterable[WalkedStack], missing: set[int], found: _Found) -> None:
    for stack in stacks:
        for index, one in enumerate(stack.frames[: stack.own]):
            for call in _blocks_in(one):
                _note(Place(stack, index, index, call), missing, found)


def _note(place: Place, missing: set[int], found: _Found) -> None:
    key = id(place.call._record)  # noqa: SLF001
    if key in missing:
        missing.discard(key)
        found[key] = place


def _blocks_in(one: Frame) -> Iterator[Call]:
    try:
        values = list(one.frame.f_locals.values())
    except Exception:  # noqa: BLE001 - the namespace of `exec` or of a class may be any mapping
        values = []
    yield from (value for value in values if issubclass(type(value), Call))
    if one.stepping is None:
        return
    # A `with` statement holds the method that will end it, which only the collector can see.
    for held in gc.get_referents(one.stepping):
        if type(held) is MethodType and type(held.__self__) is Operation:
            entered = held.__self__._open_calls()  # noqa: SLF001 - of the same package
            if len(entered) == 1:
                yield entered[0]


def _shown(call: RunningCall, place: Place | None) -> RunningStack:
    if place is None:
        return RunningStack(**vars(call))
    frames = StackSummary.from_list([_summary(one) for one in place.frames])
    stack = place.stack
    task = stack.task_at(place.begin)
    return RunningStack(**vars(call), thread=stack.thread, task=task, frames=frames)


def is_shown(code: CodeType) -> bool:
    """Return whether frames of some code show where a call is; those of this library do not."""
    return not code.co_filename.startswith(_LEFT_OUT)


def _summary(one: Frame) -> FrameSummary:
    code = one.frame.f_code
    return FrameSummary(code.co_filename, one.lineno, code.co_qualname, lookup_line=False)
