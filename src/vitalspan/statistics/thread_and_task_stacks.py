"""The stacks of all threads, tasks and suspended generators, without any help from them."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, compress, starmap
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any, Final

from vitalspan.recording.current_call import WRAPPERS

_MAX_FRAMES: Final = 2000
"""Beyond the usual recursion limits; a bound for references in cycles."""

_STEPPING: Final = (CoroutineType, GeneratorType, AsyncGeneratorType)


@dataclass
class Frame:
    """A frame, as it was when the stacks were walked.

    Attributes:
        frame: the interpreter's frame.
        lineno: its line at that time.
        stepping: the suspended coroutine or generator whose frame it is; None on a thread's stack.
    """

    frame: FrameType
    lineno: int
    stepping: Any = None


@dataclass
class WalkedStack:
    """The frames of a thread, a task, or a suspended generator.

    Attributes:
        frames: the outermost first.
        own: the number of its own frames; the following ones belong to the task that it awaits.
        thread: the name of the thread; None if it is suspended.
        ident: the identifier of the thread; None if it is suspended.
        tasks: the names of tasks, by the index of the frame where each begins.
    """

    frames: list[Frame]
    own: int
    thread: str | None = None
    ident: int | None = None
    tasks: dict[int, str] = field(default_factory=dict)

    def task_at(self, index: int) -> str | None:
        """Return the name of the task that a frame runs in."""
        return (
            self.tasks[max(begins)] if (begins := [n for n in self.tasks if n <= index]) else None
        )


def thread_stacks() -> list[WalkedStack]:
    """Return the stack of each thread, with the outermost frame first.

    The stack of this thread ends at the caller of the function that calls `find_places`. Frames
    that are still running would keep themselves alive through their return values.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    stacks = []
    tops = sys._current_frames()  # noqa: SLF001 - it has no other name
    tops[threading.get_ident()] = sys._getframe(3)  # noqa: SLF001 - nor has this
    for ident, top in tops.items():
        frames = frames_down_to(None, top)
        name = names.get(ident, f"thread {ident}")
        stacks.append(WalkedStack(frames, len(frames), name, ident))
    return stacks


def frames_down_to(anchor: int | None, top: FrameType | None) -> list[Frame]:
    """Return the frames of a thread from an outer one to the innermost one.

    Args:
        anchor: the `id` of the outermost requested frame; None for all frames. If the thread has no
            such frame, none are returned.
        top: the innermost frame.
    """
    frames: list[Frame] = []
    frame = top
    while frame is not None and len(frames) < _MAX_FRAMES:
        frames.append(Frame(frame, _line_of(frame)))
        if id(frame) == anchor:
            break
        frame = frame.f_back
    else:
        if anchor is not None:
            return []
    frames.reverse()
    return frames


def runs_coroutines(stack: WalkedStack) -> bool:
    """Return whether there is a coroutine among the frames of a thread."""
    coroutine = 0x80 | 0x100 | 0x200  # of a coroutine, of `types.coroutine`, asynchronous generator
    return any(one.frame.f_code.co_flags & coroutine for one in stack.frames)


def suspended_stacks(threads: list[WalkedStack]) -> list[WalkedStack]:
    """Return the stacks of waiting tasks, and of other suspended code that is in a call.

    All objects known to the garbage collector are examined, so that calls and tasks need not be
    registered anywhere, with any event loop. The names of running tasks are added to the stacks of
    the threads.

    Args:
        threads: the stacks of the threads.
    """
    tasks, wrappers = _found()
    running = {
        id(one.frame): (stack, index) for stack in threads for index, one in enumerate(stack.frames)
    }
    stacks, seen = [], set(running)
    for task in tasks:
        root = task.get_coro()
        frame = _frame_of(root)
        if id(frame) in running:
            stack, index = running[id(frame)]
            stack.tasks[index] = task.get_name()
        elif frame is not None:
            frames, own = frames_inward(root)
            stacks.append(WalkedStack(frames, own, tasks={0: task.get_name()}))
            seen.update(id(one.frame) for one in frames[:own])
    by_themselves = [one for one in wrappers if id(_frame_of(one)) not in seen]
    return stacks + [WalkedStack(*frames_inward(wrapper)) for wrapper in by_themselves]


def _found() -> tuple[list[Any], list[Any]]:
    """Return the tasks that have not ended, and the suspended wrappers of decorated functions."""
    task_type = getattr(sys.modules.get("asyncio"), "Task", None)
    task_types = set() if task_type is None else _with_subclasses(task_type)
    tasks, wrappers = [], []
    for one in _objects_of_types({*_STEPPING, *task_types}):
        if type(one) in task_types:
            if not one.done():
                tasks.append(one)
        elif (frame := _frame_of(one)) is not None and frame.f_code in WRAPPERS:
            wrappers.append(one)
    return tasks, wrappers


def _with_subclasses(cls: type) -> set[type]:
    return {cls}.union(*map(_with_subclasses, cls.__subclasses__()))


def _objects_of_types(types: set[type]) -> list[Any]:
    """Return the objects known to the garbage collector that have exactly one of some types."""
    # The collector also knows the tuples that other threads are just building, and `tuple(...)`
    # fails in such a thread if anyone else refers to its tuple. So no other thread may run while a
    # list of all objects exists. These iterators fill it, filter it and clear it within one call
    # of `list`, and run only C functions, between which the interpreter does not switch threads.
    # Identifiers are compared because the `__hash__` of a class may be written in Python.
    wanted = frozenset(map(id, types))
    objects: list[Any] = []
    fill = map(objects.extend, map(gc.get_objects, (None,)))
    matches = compress(objects, map(wanted.__contains__, map(id, map(type, objects))))
    clear = starmap(objects.clear, ((),))
    return [one for one in list(chain(fill, matches, clear)) if one is not None]


def frames_inward(root: Any) -> tuple[list[Frame], int]:
    """Return the frames from a coroutine or generator along its awaits, and how many are its own.

    The others belong to a task that is awaited.
    """
    frames: list[Frame] = []
    own = None
    stepping = root
    while (frame := _frame_of(stepping)) is not None and len(frames) < _MAX_FRAMES:
        frames.append(Frame(frame, _line_of(frame), stepping))
        awaited = _awaited(stepping)
        if awaited is None and frame.f_code in WRAPPERS:
            # The wrappers of generators run the steps of the body themselves.
            awaited = frame.f_locals.get("body")
        stepping, is_task = _next(awaited)
        if is_task and own is None:
            own = len(frames)
    return frames, len(frames) if own is None else own


def is_running(stepping: Any) -> bool:
    """Return whether a thread is executing a coroutine or generator itself."""
    names = ("cr_running", "gi_running", "ag_running")
    return _awaited(stepping) is None and any(getattr(stepping, name, False) for name in names)


def _line_of(frame: FrameType) -> int:
    # Instructions that the interpreter itself has added may have no line.
    line: int | None = frame.f_lineno
    return frame.f_code.co_firstlineno if line is None else line


def _frame_of(stepping: Any) -> FrameType | None:
    for name in ("cr_frame", "gi_frame", "ag_frame"):
        frame = getattr(stepping, name, None)
        if frame is not None:
            return frame if isinstance(frame, FrameType) else None
    return None


def _awaited(stepping: Any) -> Any:
    for name in ("cr_await", "gi_yieldfrom", "ag_await"):
        awaited = getattr(stepping, name, None)
        if awaited is not None:
            return awaited
    return None


def _next(awaited: Any) -> tuple[Any, bool]:
    """Return the coroutine or generator behind an awaited object, and whether a task is between."""
    if type(awaited) in _STEPPING:
        return awaited, False
    task_type = getattr(sys.modules.get("asyncio"), "Task", None)
    for behind in _behind(awaited):
        if type(behind) in _STEPPING:
            return behind, False
        if task_type is not None and issubclass(type(behind), task_type):
            return behind.get_coro(), True
    return None, False


def _behind(awaited: Any) -> Iterator[Any]:
    # The objects that `asend`, `anext` and `__await__` return, and the iterators of futures, only
    # tell the garbage collector what they belong to.
    if type(awaited).__module__ in ("builtins", "_asyncio"):
        for behind in gc.get_referents(awaited):
            yield behind
            if type(behind).__module__ == "builtins" and type(behind) not in _STEPPING:
                yield from gc.get_referents(behind)
