"""The stack of one call, which is found once and then followed cheaply from sample to sample."""

from __future__ import annotations

import sys
import threading
import weakref
from types import CodeType, FrameType
from typing import Any, Final, Protocol

from vitalspan.profiling.stack_tree import Stack
from vitalspan.recording.call import Call
from vitalspan.recording.call_record import Record
from vitalspan.statistics.running_stacks import Place, find_places, is_shown
from vitalspan.statistics.thread_and_task_stacks import (
    Frame,
    frames_down_to,
    frames_inward,
    is_running,
)

_MAX_SEARCHES: Final = 4
"""The maximum number of searches for a call in all objects, which are slow."""


class SampledStack(Protocol):
    """The stack of a call, as the sampler sees it."""

    thread: str | None
    task: str | None
    call: Call | None

    def read(self) -> Stack | None:
        """Return the current stack of the call; None if it was not found."""


class CallStack:
    """Follows the stack of a running call, on its thread and while it is suspended.

    Args:
        record: the record of the call.

    Attributes:
        thread: the name of the thread that has run it; None if it was always suspended.
        task: the name of its asyncio task, if that is known.
        call: the call; None until it is found.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._searches = 0
        self._anchor = 0
        self._code: CodeType | None = None
        self._is_block = False
        self._ident: int | None = None
        # Weak, because holding a coroutine would prolong its life.
        self._stepping: weakref.ref[Any] | None = None
        self.thread: str | None = None
        self.task: str | None = None
        self.call: Call | None = None

    def read(self) -> Stack | None:
        """Return the current stack of the call; None if it was not found."""
        frames = self._follow() if self.call is not None else None
        if not frames and self._searches < _MAX_SEARCHES:
            frames = self._search()
        if not frames:
            return None
        stack = [(one.frame.f_code, one.lineno) for one in frames]
        return [frame for frame in stack if is_shown(frame[0])]

    def _search(self) -> list[Frame] | None:
        self._searches += 1
        place = find_places([self._record]).get(id(self._record))
        if place is None:
            return None
        stack = place.stack
        self.call = place.call
        anchor = stack.frames[place.anchor].frame
        self._anchor, self._code = id(anchor), anchor.f_code
        self._is_block = place.anchor == place.begin
        self._ident = stack.ident or self._ident
        self.thread = stack.thread or self.thread
        self.task = stack.task_at(place.begin) or self.task
        stepping = _stepping_at(place)
        if stepping is not None:
            self._stepping = weakref.ref(stepping)
        return place.frames

    def _follow(self) -> list[Frame] | None:
        """Return the frames of the call at its previous place, without searching for it."""
        tops = sys._current_frames()  # noqa: SLF001 - it has no other name
        if self._ident is not None:
            frames = self._on(tops.get(self._ident))
            if frames:
                return frames
        stepping = None if self._stepping is None else self._stepping()
        if stepping is None:
            return None
        frames, _ = frames_inward(stepping)
        if frames and not is_running(frames[-1].stepping):
            return frames
        # Another thread has resumed it.
        for ident, top in tops.items():
            frames = self._on(top)
            if frames:
                self._ident = ident
                names = {one.ident: one.name for one in threading.enumerate()}
                self.thread = names.get(ident, f"thread {ident}")
                return frames
        return None

    def _on(self, top: FrameType | None) -> list[Frame]:
        frames = frames_down_to(self._anchor, top)
        if frames and frames[0].frame.f_code is not self._code:
            # The call has ended, and another frame has replaced its own.
            return []
        return frames[0 if self._is_block else 1 :]


def _stepping_at(place: Place) -> Any:
    """Return the coroutine or generator that runs a call; None on a thread's stack."""
    frames = place.stack.frames
    # The wrapper of a generator does not await its body, so the body is followed instead.
    inner = (one for one in frames[place.begin : place.stack.own] if is_shown(one.frame.f_code))
    return next(inner, frames[place.anchor]).stepping
