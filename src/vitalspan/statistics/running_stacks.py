"""The stacks of running calls: where each of them is now."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from traceback import FrameSummary, StackSummary
from types import MethodType
from typing import Any, Final

from vitalspan.recording.call import Call
from vitalspan.recording.call_record import Record
from vitalspan.recording.current_call import WRAPPERS, call_in_wrapper
from vitalspan.recording.operation import Operation
from vitalspan.statistics.call_statistics import RunningCall
from vitalspan.statistics.walked_stacks import (
    Frame,
    WalkedStack,
    runs_coroutines,
    suspended_stacks,
    thread_stacks,
)

_PACKAGE: Final = Path(__file__).parents[1]

_LEFT_OUT: Final = tuple(
    str(_PACKAGE / name)
    for name in ("recording", "statistics", "integrations", "monitor.py", "capabilities.py")
)
"""Files whose frames say nothing about where a call is."""


@dataclass(frozen=True)
class RunningStack(RunningCall):
    """A call that is inside now, and where it is.

    Attributes:
        thread: the name of the thread that runs it; None for a call that is suspended.
        task: the name of the asyncio task that it belongs to, if that is known.
        frames: from the function or block that is recorded to where the call is now, the innermost
            last; empty if the call was not found on any stack.
    """

    thread: str | None = None
    task: str | None = None
    frames: StackSummary = field(default_factory=StackSummary)

    @property
    def place(self) -> str | None:
        """Where the call is now, `file:line in function`; None if it was not found."""
        if not self.frames:
            return None
        last = self.frames[-1]
        return f"{last.filename}:{last.lineno} in {last.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON can say it."""
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


_Found = dict[int, tuple[WalkedStack, int]]
"""The stack of each call, by the id of its record, and the index of the frame it begins at."""


def running_stacks(calls: Sequence[tuple[Record, RunningCall]]) -> list[RunningStack]:
    """Return the stacks of calls, in their order.

    Args:
        calls: the record of each call that is inside, and the call as it is shown.
    """
    missing = {id(record) for record, _ in calls}
    if not missing:
        return []
    found: _Found = {}
    threads = thread_stacks()
    _find(threads, missing, found)
    stacks = threads
    if missing or any(map(runs_coroutines, threads)):
        suspended = suspended_stacks(threads)
        _find(suspended, missing, found)
        stacks = threads + suspended
    if missing:
        # To read the variables of other frames prolongs the life of what is in them, up to Python
        # 3.12, so it is done only for calls that are not decorated functions.
        _find_blocks(stacks, missing, found)
    return [_shown(call, found.get(id(record))) for record, call in calls]


def _find(stacks: Iterable[WalkedStack], missing: set[int], found: _Found) -> None:
    for stack in stacks:
        for index, one in enumerate(stack.frames[: stack.own]):
            if one.frame.f_code in WRAPPERS:
                call = call_in_wrapper(one.frame.f_locals)
                if call is not None:
                    _note(call, (stack, index + 1), missing, found)


def _find_blocks(stacks: Iterable[WalkedStack], missing: set[int], found: _Found) -> None:
    for stack in stacks:
        for index, one in enumerate(stack.frames[: stack.own]):
            for call in _blocks_in(one):
                _note(call, (stack, index), missing, found)


def _note(call: Call, place: tuple[WalkedStack, int], missing: set[int], found: _Found) -> None:
    key = id(call._record)  # noqa: SLF001
    if key in missing:
        missing.discard(key)
        found[key] = place


def _blocks_in(one: Frame) -> Iterator[Call]:
    try:
        values = list(one.frame.f_locals.values())
    except Exception:  # noqa: BLE001 - the namespace of `exec` or of a class may be any mapping
        values = []
    yield from (value for value in values if type(value) is Call)
    if one.stepping is None:
        return
    # A `with` statement keeps the method that will end it, which only the collector can see.
    for held in gc.get_referents(one.stepping):
        if type(held) is MethodType and type(held.__self__) is Operation:
            entered = list(held.__self__._open)  # noqa: SLF001
            if len(entered) == 1:
                yield entered[0]


def _shown(call: RunningCall, place: tuple[WalkedStack, int] | None) -> RunningStack:
    if place is None:
        return RunningStack(**vars(call))
    stack, begin = place
    inward = [one for one in stack.frames[begin:] if not _is_left_out(one)]
    frames = StackSummary.from_list([_summary(one) for one in inward])
    return RunningStack(**vars(call), thread=stack.thread, task=stack.task_at(begin), frames=frames)


def _is_left_out(one: Frame) -> bool:
    return one.frame.f_code.co_filename.startswith(_LEFT_OUT)


def _summary(one: Frame) -> FrameSummary:
    code = one.frame.f_code
    return FrameSummary(code.co_filename, one.lineno, code.co_qualname, lookup_line=False)
