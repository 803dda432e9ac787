"""Wrappers that record plain and coroutine functions.

The two bodies differ in an `await` alone. They stay two, and do everything inline, because a shared
helper would cost a Python call in the time that the whole of recording takes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from vitalspan.record.details import IN_PROGRESS, Record
from vitalspan.record.observe import (
    Observation,
    classify,
    close_span,
    failed,
    finish,
    known,
    open_span,
)
from vitalspan.record.site import OFF, Site
from vitalspan.record.spans import detach
from vitalspan.record.spans import slot as _slot
from vitalspan.record.steps import metered

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def plain(site: Site, func: Callable[..., Any]) -> Callable[..., Any]:
    """Record the calls of a function."""
    cell, now = site.cell, site.now
    records, full = cell.records, site.recorder.folder.full

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gate = site.gate
        if _slot._TRACER_PROVIDER is not gate:  # noqa: SLF001
            if gate is OFF:
                return func(*args, **kwargs)
            return _engaged(site, func, args, kwargs)
        start = now()
        record = [start, IN_PROGRESS, site]
        try:
            records.append(record)
            result = func(*args, **kwargs)
            record[1] = seconds = now() - start
        except BaseException as error:
            if record[1] == IN_PROGRESS:
                seconds = now() - start
                try:
                    failed(site, record, error, seconds)
                finally:
                    # At the recursion limit nothing in Python can be called any more.
                    record[1] = seconds
            raise
        if seconds >= site.attention:
            site.attend(record)
        if len(records) >= cell.limit:
            full(cell)
        return result

    return wrapper


def coroutine(site: Site, func: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """Record the calls of a coroutine function, from its first step to its last."""
    cell, now = site.cell, site.now
    records, full = cell.records, site.recorder.folder.full

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        gate = site.gate
        if _slot._TRACER_PROVIDER is not gate:  # noqa: SLF001
            if gate is OFF:
                return await func(*args, **kwargs)
            return await _engaged_coroutine(site, func, args, kwargs)
        start = now()
        record = [start, IN_PROGRESS, site]
        try:
            records.append(record)
            result = await func(*args, **kwargs)
            record[1] = seconds = now() - start
        except BaseException as error:
            if record[1] == IN_PROGRESS:
                seconds = now() - start
                try:
                    failed(site, record, error, seconds)
                finally:
                    # At the recursion limit nothing in Python can be called any more.
                    record[1] = seconds
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
    if site.measuring:
        return _measured(site, func, args, kwargs)
    span, token = open_span(site)
    now = site.now
    start = now()
    record = [start, IN_PROGRESS, site]
    try:
        site.cell.records.append(record)
        result = func(*args, **kwargs)
        seconds = now() - start
    except BaseException as error:
        seconds = now() - start
        try:
            _abandon(site, record, span, token, error, seconds=seconds)
        finally:
            record[1] = seconds
        raise
    if token is not None:
        detach(token)
    if span is not None:
        close_span(record, span)
    finish(site, record, seconds)
    return result


async def _engaged_coroutine(
    site: Site, func: Callable[..., Awaitable[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if site.measuring:
        return await _measured_coroutine(site, func, args, kwargs)
    span, token = open_span(site)
    now = site.now
    start = now()
    record = [start, IN_PROGRESS, site]
    try:
        site.cell.records.append(record)
        result = await func(*args, **kwargs)
        seconds = now() - start
    except BaseException as error:
        seconds = now() - start
        try:
            _abandon(site, record, span, token, error, seconds=seconds)
        finally:
            record[1] = seconds
        raise
    if token is not None:
        detach(token)
    if span is not None:
        close_span(record, span)
    finish(site, record, seconds)
    return result


def _abandon(
    site: Site,
    record: Record,
    span: Span | None,
    token: Any,
    error: BaseException,
    *,
    seconds: float,
) -> None:
    if token is not None:
        detach(token)
    classify(known(record), error)
    if span is not None:
        close_span(record, span, error)
    finish(site, record, seconds)


def _measured(
    site: Site, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    observation = Observation(site)
    try:
        observation.run()
        try:
            result = func(*args, **kwargs)
        finally:
            observation.pause()
    except BaseException as error:
        try:
            observation.finish(error)
        finally:
            if observation.record[1] == IN_PROGRESS:
                observation.record[1] = site.now() - observation.record[0]
        raise
    observation.finish()
    return result


async def _measured_coroutine(
    site: Site, func: Callable[..., Awaitable[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    observation = Observation(site)
    try:
        result = await metered(func(*args, **kwargs), observation)
    except BaseException as error:
        try:
            observation.finish(error)
        finally:
            if observation.record[1] == IN_PROGRESS:
                observation.record[1] = site.now() - observation.record[0]
        raise
    observation.finish()
    return result
