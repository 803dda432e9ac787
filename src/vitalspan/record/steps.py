"""Bodies that stop and go on: generators, asynchronous generators, measured coroutines.

Each driver passes `send`, `throw`, `close` and their asynchronous forms through to the original,
as PEP 380 and PEP 525 define them, and encloses every step by an observation's two halves.
"""

from __future__ import annotations

import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from vitalspan.record.details import IN_PROGRESS, Record
from vitalspan.record.observe import Observation, fail, finish
from vitalspan.record.site import OFF, Site
from vitalspan.record.spans import slot as _slot

if TYPE_CHECKING:
    Steps = Generator[Any, Any, Any]


def _drive(body: Steps, resume: Callable[[], None], suspend: Callable[[], None]) -> Steps:
    step: Callable[[], Any] = partial(body.send, None)
    while True:
        resume()
        try:
            value = step()
        except StopIteration as stop:
            return stop.value
        finally:
            suspend()
        try:
            sent = yield value
        except GeneratorExit:
            resume()
            try:
                body.close()
            finally:
                suspend()
            raise
        except BaseException as error:  # noqa: BLE001 - whatever is thrown in is the body's
            step = partial(body.throw, error)
        else:
            step = partial(body.send, sent)


_drive_coroutine = types.coroutine(_drive)


async def metered(body: Awaitable[Any], observation: Observation) -> Any:
    """Await a body so that only its own steps count as its CPU time, not those of other tasks."""
    if observation.cpu is None:
        return await body
    return await _drive_coroutine(body.__await__(), observation.run, observation.pause)


def generator(site: Site, func: Callable[..., Steps]) -> Callable[..., Steps]:
    """Record generators from the first step to the last."""

    def wrapper(*args: Any, **kwargs: Any) -> Steps:
        gate = site.gate
        if _slot._TRACER_PROVIDER is gate:  # noqa: SLF001
            return (yield from _recorded(site, func(*args, **kwargs)))
        if gate is OFF:
            return (yield from func(*args, **kwargs))
        return (yield from _observed(site, func(*args, **kwargs)))

    return wrapper


def _recorded(site: Site, body: Steps) -> Steps:
    record: Record = [site.now(), IN_PROGRESS, site]
    try:
        site.cell.records.append(record)
        result = yield from body
    except BaseException as error:
        fail(site, record, error)
        raise
    finish(site, record, site.now() - record[0])
    return result


def _observed(site: Site, body: Steps) -> Steps:
    observation = Observation(site)
    observation.detach()
    try:
        result = yield from _drive(body, observation.resume, observation.suspend)
    except BaseException as error:
        observation.finish(error)
        raise
    observation.finish()
    return result


def async_generator(
    site: Site, func: Callable[..., AsyncGenerator[Any, Any]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Record asynchronous generators from the first step to the last."""

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        body = func(*args, **kwargs)
        step: Callable[[], Awaitable[Any]] = body.__anext__
        with _observed_steps(site) as observation:
            while True:
                try:
                    value = await _step(step, observation)
                except StopAsyncIteration:
                    return
                try:
                    sent = yield value
                except GeneratorExit:
                    await _step(body.aclose, observation)
                    raise
                except BaseException as error:  # noqa: BLE001 - what is thrown in is the body's
                    step = partial(body.athrow, error)
                else:
                    step = partial(body.asend, sent)

    return wrapper


@contextmanager
def _observed_steps(site: Site) -> Iterator[Observation | None]:
    if site.gate is OFF:
        yield None
        return
    observation = Observation(site)
    observation.detach()
    try:
        yield observation
    except BaseException as error:
        observation.finish(error)
        raise
    observation.finish()


async def _step(step: Callable[[], Awaitable[Any]], observation: Observation | None) -> Any:
    if observation is None:
        return await step()
    observation.attach()
    try:
        return await metered(step(), observation)
    finally:
        observation.detach()
