"""Wrappers that record plain and coroutine functions.

The two bodies differ in an `await` alone. They stay two, and do everything inline, because a shared
helper would cost a Python call in the time that the whole of recording takes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from vitalspan.record.details import IN_PROGRESS
from vitalspan.record.observe import Observation, fail
from vitalspan.record.site import OFF, Site
from vitalspan.record.spans import slot as _slot
from vitalspan.record.steps import metered


def plain(site: Site, func: Callable[..., Any]) -> Callable[..., Any]:
    """Record the calls of a function."""
    cell, now, in_progress, slot, off = site.cell, site.now, IN_PROGRESS, _slot, OFF
    records, full = cell.records, site.recorder.folder.full

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gate = site.gate
        if slot._TRACER_PROVIDER is not gate:  # noqa: SLF001
            if gate is off:
                return func(*args, **kwargs)
            return _engaged(site, func, args, kwargs)
        start = now()
        record = [start, in_progress, site]
        try:
            records.append(record)
            result = func(*args, **kwargs)
            record[1] = seconds = now() - start
        except BaseException as error:
            fail(site, record, error)
            raise
        if seconds >= site.attention:
            site.attend(record)
        if len(records) >= cell.limit:
            full(cell)
        return result

    return wrapper


def coroutine(site: Site, func: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """Record the calls of a coroutine function, from its first step to its last."""
    cell, now, in_progress, slot, off = site.cell, site.now, IN_PROGRESS, _slot, OFF
    records, full = cell.records, site.recorder.folder.full

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        gate = site.gate
        if slot._TRACER_PROVIDER is not gate:  # noqa: SLF001
            if gate is off:
                return await func(*args, **kwargs)
            return await _engaged_coroutine(site, func, args, kwargs)
        start = now()
        record = [start, in_progress, site]
        try:
            records.append(record)
            result = await func(*args, **kwargs)
            record[1] = seconds = now() - start
        except BaseException as error:
            fail(site, record, error)
            raise
        if seconds >= site.attention:
            site.attend(record)
        if len(records) >= cell.limit:
            full(cell)
        return result

    return wrapper


def _engaged(
    site: Site, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    observation = Observation(site)
    try:
        observation.resume()
        try:
            result = func(*args, **kwargs)
        finally:
            observation.suspend()
    except BaseException as error:
        observation.finish(error)
        raise
    observation.finish(None)
    return result


async def _engaged_coroutine(
    site: Site, func: Callable[..., Awaitable[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    observation = Observation(site)
    try:
        observation.attach()
        try:
            result = await metered(func(*args, **kwargs), observation)
        finally:
            observation.detach()
    except BaseException as error:
        observation.finish(error)
        raise
    observation.finish(None)
    return result
