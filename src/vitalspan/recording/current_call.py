"""Finds the current call by the frames of the stack, so that calls need not store it anywhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from types import CodeType, FrameType
from typing import Any, Final

from vitalspan.recording.call import Call, call_of, ended_call
from vitalspan.recording.call_record import IN_PROGRESS
from vitalspan.recording.wrappers_importlib_bootstrap import functions, generators

_NO_CALL: Final = ended_call()

current_request: ContextVar[Call | None] = ContextVar("vitalspan_request", default=None)
"""The request that is handled in this context. Frameworks run handlers in threads and tasks of
their own, whose frames do not lead to the request."""


def current_call() -> Call:
    """Return the innermost call that is running here: of a decorated function or of a block.

    It works in everything that the function calls, and in its coroutines and generators. A block is
    found by the name in `with operation(...) as call`; without `as`, the call around it is
    returned. Threads and tasks that the call starts are not part of it; only a request recorded by
    an integration is found in everything that has its context, until it has ended. If nothing is
    recorded, it returns a call whose methods do nothing.
    """
    last = _outermost_frame()
    # The frames show what runs, so calls need not store it.
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        variables = frame.f_locals
        call = call_in_wrapper(variables) if frame.f_code in WRAPPERS else _entered(variables)
        if call is not None:
            return call
        frame = None if frame is last else frame.f_back
    request = current_request.get()
    if request is not None and request._record[1] == IN_PROGRESS:  # noqa: SLF001
        return request
    return _NO_CALL


def call_in_wrapper(variables: Mapping[str, Any]) -> Call | None:
    """Return the call that a wrapper records, from the wrapper's local variables."""
    measured = variables.get("measured")
    record = variables.get("record") if measured is None else measured.record
    if record is None or record[1] != IN_PROGRESS:
        return None
    return call_of(record, measured, variables.get("span"))


def _entered(variables: Mapping[str, Any]) -> Call | None:
    """Return the innermost block that a `with ... as` statement has put into some variables."""
    try:
        # In one step: the variables of a module are its globals, which other threads may change.
        values = list(variables.values())
    except Exception:  # noqa: BLE001 - the namespace of `exec` or of a class may be any mapping
        return None
    calls = [value for value in values if issubclass(type(value), Call)]
    running = [call for call in calls if call._record[1] == IN_PROGRESS]  # noqa: SLF001
    return max(running, key=lambda call: call._record[0], default=None)  # noqa: SLF001


def _outermost_frame() -> Any:
    """Return the frame where the running task begins: frames outside belong to the event loop."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        task = asyncio.current_task()
    except (RuntimeError, AttributeError):
        # No loop runs here, or another thread is importing asyncio.
        return None
    return None if task is None else getattr(task.get_coro(), "cr_frame", None)


def _wrapper_codes() -> frozenset[CodeType]:
    makers = (
        functions.function,
        functions.coroutine_function,
        generators.generator_function,
        generators.async_generator_function,
    )
    inner = [
        code
        for maker in makers
        for code in maker.__code__.co_consts
        if isinstance(code, CodeType) and code.co_name == "wrapper"
    ]
    engaged = (
        functions._engaged,  # noqa: SLF001 - the frames of these hold the record
        functions._engaged_coroutine,  # noqa: SLF001
        functions._measured,  # noqa: SLF001
        generators.with_cpu_time,
    )
    return frozenset([*inner, *(function.__code__ for function in engaged)])


WRAPPERS: Final = _wrapper_codes()
"""The code of the functions whose frames hold the record of a call."""
