"""Bodies that stop and go on: generators, asynchronous generators, measured coroutines.

Each step of a body is enclosed by the two halves of an observation. Whatever is sent or thrown in,
GeneratorExit included, reaches the body as it is. `yield from` would close the body instead: it
would lose what a closed generator returns, and what it yields after `throw(GeneratorExit)`.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from vitalspan.record.details import IN_PROGRESS, Record
from vitalspan.record.observe import Observation, fail, finish
from vitalspan.record.site import OFF, Site
from vitalspan.record.spans import slot as _slot

if TYPE_CHECKING:
    Steps = Generator[Any, Any, Any]


def generator(site: Site, func: Callable[..., Steps]) -> Callable[..., Any]:
    """Record generators from the first step to the last."""

    def wrapper(*args: Any, **kwargs: Any) -> Steps:
        body = func(*args, **kwargs)
        record, observation = _begun(site)
        sent: Any = None
        thrown: BaseException | None = None
        closing = False
        try:
            while True:
                if observation is not None:
                    observation.resume()
                try:
                    value = body.send(sent) if thrown is None else body.throw(thrown)
                except StopIteration as stop:
                    result = stop.value
                    break
                finally:
                    # A frame that held what it raised would be freed by the collector alone.
                    thrown = None
                    if observation is not None:
                        observation.suspend()
                try:
                    sent = yield value
                    closing = False
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is the body's
                    thrown = error
                    closing = isinstance(error, GeneratorExit)
        except BaseException as error:
            # Here and below, not in one function for both: an interrupt on the way into it, before
            # its own `try`, would leave the call in progress for ever.
            try:
                _ended(site, record, observation, error)
            finally:
                # At the recursion limit nothing in Python can be called any more.
                if record is not None and record[1] == IN_PROGRESS:
                    record[1] = site.now() - record[0]
            raise
        _ended(site, record, observation, GeneratorExit() if closing else None)
        return result

    if _makes_awaitables(func):
        return types.coroutine(wrapper)
    return wrapper


def _makes_awaitables(func: Any) -> bool:
    """Whether `types.coroutine` has made the generators of a function awaitable."""
    code = getattr(getattr(func, "__func__", func), "__code__", None)
    return bool(getattr(code, "co_flags", 0) & inspect.CO_ITERABLE_COROUTINE)


def async_generator(
    site: Site, func: Callable[..., AsyncGenerator[Any, Any]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Record asynchronous generators from the first step to the last."""

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        body = func(*args, **kwargs)
        record, observation = _begun(site)
        step: Any = _first_step(body)
        closing = False
        try:
            while True:
                try:
                    value = await (step if observation is None else _observed(step, observation))
                except StopAsyncIteration:
                    break
                finally:
                    # A frame that held what it raised would be freed by the collector alone.
                    step = None
                try:
                    step = body.asend((yield value))
                    closing = False
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is the body's
                    step = body.athrow(error)
                    closing = isinstance(error, GeneratorExit)
        except BaseException as error:
            try:
                _ended(site, record, observation, error)
            finally:
                # At the recursion limit nothing in Python can be called any more.
                if record is not None and record[1] == IN_PROGRESS:
                    record[1] = site.now() - record[0]
            raise
        _ended(site, record, observation, GeneratorExit() if closing else None)

    return wrapper


async def metered(body: Awaitable[Any], observation: Observation) -> Any:
    """Await a body so that only its own steps count as its CPU time, not those of other tasks."""
    if observation.cpu is None:
        return await body
    return await _metered_steps(_awaiting(body), observation)


@types.coroutine
def _metered_steps(body: Coroutine[Any, Any, Any], observation: Observation) -> Steps:
    sent: Any = None
    thrown: BaseException | None = None
    while True:
        observation.run()
        try:
            value = body.send(sent) if thrown is None else body.throw(thrown)
        except StopIteration as stop:
            return stop.value
        finally:
            thrown = None
            observation.pause()
        try:
            sent = yield value
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the body's
            thrown = error


async def _awaiting(body: Awaitable[Any]) -> Any:
    # Not every awaitable has `send` and `throw`; every coroutine has.
    return await body


async def _observed(step: Awaitable[Any], observation: Observation) -> Any:
    observation.attach()
    try:
        return await metered(step, observation)
    finally:
        observation.detach()


def _begun(site: Site) -> tuple[Record | None, Observation | None]:
    """Note a call as in progress, and return its record and what observes it, if it has them."""
    gate = site.gate
    if _slot._TRACER_PROVIDER is gate:  # noqa: SLF001
        record: Record = [site.now(), IN_PROGRESS, site]
        site.cell.records.append(record)
        return record, None
    if gate is OFF:
        return None, None
    observation = Observation(site)
    observation.detach()
    return observation.record, observation


def _ended(
    site: Site,
    record: Record | None,
    observation: Observation | None,
    error: BaseException | None,
) -> None:
    if observation is not None:
        observation.finish(error)
    elif record is not None and error is not None:
        fail(site, record, error)
    elif record is not None:
        finish(site, record, site.now() - record[0])


def _first_step(body: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Return the first step of a body that the event loop will not know of.

    The loop knows the wrapper, which closes the body. If it closed both at once, as it does when it
    shuts down, each would be in the other's way.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=_left_alone)
    try:
        # A body takes its hooks where its first step is made, not where it is begun.
        return body.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _left_alone(body: AsyncGenerator[Any, Any]) -> None:
    """Finalise a body that its wrapper, being finalised itself, is about to close."""
