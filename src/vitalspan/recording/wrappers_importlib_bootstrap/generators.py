"""Wrappers that record generators, asynchronous generators and measured coroutines.

Each step of a body is surrounded by the two halves of a measured call. Everything that is sent or
thrown in, including GeneratorExit, reaches the body unchanged. `yield from` would close the body
instead, and lose what a closed generator returns and what it yields after `throw(GeneratorExit)`.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vitalspan.recording.call_record import IN_PROGRESS, Record
from vitalspan.recording.call_site import OFF, CallSite
from vitalspan.recording.enclosing_sessions import enclosing
from vitalspan.recording.measured_call import MeasuredCall
from vitalspan.recording.outcome import end, end_with_error, judge_result
from vitalspan.recording.spans import slot as _slot

if TYPE_CHECKING:
    Steps = Generator[Any, Any, Any]
    ChooseSite = Callable[[tuple[Any, ...], dict[str, Any]], CallSite]


def generator_function(site_of: ChooseSite, func: Callable[..., Steps]) -> Callable[..., Any]:
    """Record generators from the first step to the last.

    Args:
        site_of: returns the call site for the labels of a call.
        func: the generator function.
    """

    def wrapper(*args: Any, **kwargs: Any) -> Steps:
        body = func(*args, **kwargs)
        site = site_of(args, kwargs)
        record, measured = _begin(site)
        sent: Any = None
        thrown: BaseException | None = None
        closing = False
        try:
            while True:
                if measured is not None:
                    measured.resume()
                try:
                    value = body.send(sent) if thrown is None else body.throw(thrown)
                except StopIteration as stop:
                    result = stop.value
                    break
                finally:
                    # A frame that held its own exception could only be freed by the garbage
                    # collector.
                    thrown = None
                    if measured is not None:
                        measured.suspend()
                try:
                    sent = yield value
                    closing = False
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is the body's
                    thrown = error
                    closing = isinstance(error, GeneratorExit)
        except BaseException as error:
            # Inlined here and below: if an interrupt came on the way into a shared function, before
            # its own `try`, the call would stay in progress forever.
            try:
                _end(site, record, measured, error)
            finally:
                # At the recursion limit no Python function can be called any more.
                if record is not None and record[1] == IN_PROGRESS:
                    record[1] = site.now() - record[0]
            raise
        _end(site, record, measured, GeneratorExit() if closing else None, result)
        return result

    if _makes_awaitables(func):
        return types.coroutine(wrapper)
    return wrapper


def _makes_awaitables(func: Any) -> bool:
    """Return whether `types.coroutine` has made the generators of a function awaitable."""
    code = getattr(getattr(func, "__func__", func), "__code__", None)
    return bool(getattr(code, "co_flags", 0) & inspect.CO_ITERABLE_COROUTINE)


def async_generator_function(
    site_of: ChooseSite, func: Callable[..., AsyncGenerator[Any, Any]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Record asynchronous generators from the first step to the last."""

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        body = func(*args, **kwargs)
        site = site_of(args, kwargs)
        record, measured = _begin(site)
        step: Any = _first_step(body)
        closing = False
        try:
            while True:
                try:
                    value = await (step if measured is None else _observed(step, measured))
                except StopAsyncIteration:
                    break
                finally:
                    # A frame that held its own exception could only be freed by the garbage
                    # collector.
                    step = None
                try:
                    step = body.asend((yield value))
                    closing = False
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is the body's
                    step = body.athrow(error)
                    closing = isinstance(error, GeneratorExit)
        except BaseException as error:
            try:
                _end(site, record, measured, error)
            finally:
                # At the recursion limit no Python function can be called any more.
                if record is not None and record[1] == IN_PROGRESS:
                    record[1] = site.now() - record[0]
            raise
        _end(site, record, measured, GeneratorExit() if closing else None)

    return wrapper


@types.coroutine
def with_cpu_time(
    site: CallSite,
    func: Callable[..., Awaitable[Any]],
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] = MappingProxyType({}),
    measured: MeasuredCall | None = None,
) -> Steps:
    """Await the result of a function so that only its own steps count as its CPU time.

    The steps of other tasks, which run while it waits, do not count.

    There is a single frame between the body and the code that awaits this, because each frame
    counts against the recursion limit.

    Args:
        site: the call site.
        func: returns the awaitable.
        args: the arguments of the function.
        kwargs: the keyword arguments of the function.
        measured: the call that this is a step of; None records a call of its own.
    """
    sent: Any = None
    thrown: BaseException | None = None
    whole = measured is None
    if measured is None:
        measured = MeasuredCall(site)
    try:
        if whole:
            measured.begin()
        body = _coroutine(func(*args, **kwargs))
        while True:
            measured.run()
            try:
                value = body.send(sent) if thrown is None else body.throw(thrown)
            except StopIteration as stop:
                result = stop.value
                break
            finally:
                # A frame that held its own exception could only be freed by the garbage collector.
                thrown = None
                measured.pause()
            try:
                sent = yield value
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the body's
                thrown = error
        if whole:
            _end_well(site, measured, result)
    except BaseException as error:
        if whole:
            try:
                measured.end(error)
            finally:
                if measured.record[1] == IN_PROGRESS:
                    measured.record[1] = site.now() - measured.record[0]
        raise
    return result


def _end_well(site: CallSite, measured: MeasuredCall, result: object) -> None:
    if site.options.error_results is not None:
        judge_result(site, measured.record, result)
    measured.end()


def _coroutine(body: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    # Not every awaitable has `send` and `throw`, but every coroutine has.
    return body if isinstance(body, types.CoroutineType) else _awaiting(body)


async def _awaiting(body: Awaitable[Any]) -> Any:
    return await body


async def _observed(step: Awaitable[Any], measured: MeasuredCall) -> Any:
    measured.attach()
    try:
        return await with_cpu_time(measured.record[2], lambda: step, measured=measured)
    finally:
        measured.detach()


def _begin(site: CallSite) -> tuple[Record | None, MeasuredCall | None]:
    """Record a call as in progress; return its record, and its `MeasuredCall` if there is one."""
    gate = site.gate
    if _slot._TRACER_PROVIDER is gate:  # noqa: SLF001
        record: Record = [site.now(), IN_PROGRESS, site]
        site.series.records.append(record)
        return record, None
    if gate is OFF:
        return None, None
    if site.is_short_in_session():
        record = [site.now(), IN_PROGRESS, site, enclosing.get()]
        site.series.records.append(record)
        return record, None
    measured = MeasuredCall(site)
    measured.begin()
    measured.detach()
    return measured.record, measured


def _end(
    site: CallSite,
    record: Record | None,
    measured: MeasuredCall | None,
    error: BaseException | None,
    result: object = None,
) -> None:
    if measured is not None and error is None:
        _end_well(site, measured, result)
    elif measured is not None:
        measured.end(error)
    elif record is not None and error is not None:
        end_with_error(site, record, error, site.now() - record[0])
    elif record is not None:
        end(site, record, site.now() - record[0])


def _first_step(body: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Return the first step of a body, hidden from the event loop.

    The loop knows the wrapper, which closes the body. If it closed both at once, as it does when it
    shuts down, they would disturb each other.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=_left_alone)
    try:
        # A body takes its hooks when its first step is made, not when it is started.
        return body.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _left_alone(body: AsyncGenerator[Any, Any]) -> None:
    """Finalise a body whose wrapper is being finalised and would close it."""
