"""Wrappers that record plain and coroutine functions.

The two bodies only differ in an `await`. They are separate, with everything inline, because a
shared helper would cost a Python call, which takes as long as all of recording. Keyword arguments
are only passed on if there are any, because Python would create a dictionary for them even if there
are none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from vitalspan.recording.call_record import IN_PROGRESS, Record, details_of
from vitalspan.recording.call_site import OFF, CallSite
from vitalspan.recording.enclosing_sessions import enclose
from vitalspan.recording.measured_call import MeasuredCall, close_span, note_span, open_span
from vitalspan.recording.outcome import classify, end, end_with_error, judge_result
from vitalspan.recording.spans import detach
from vitalspan.recording.spans import slot as _slot
from vitalspan.recording.wrappers_importlib_bootstrap.generators import with_cpu_time

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def function(site: CallSite, func: Callable[..., Any]) -> Callable[..., Any]:
    """Record the calls of a function."""
    series, now = site.series, site.now
    records = series.records

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gate = site.gate
        if _slot._TRACER_PROVIDER is not gate:  # noqa: SLF001
            if _slot._TRACER_PROVIDER is not site.session_gate:  # noqa: SLF001
                if gate is OFF:
                    return func(*args, **kwargs) if kwargs else func(*args)
                # These are two functions, because each frame counts against the recursion limit.
                return (_measured if site.measuring else _engaged)(site, func, args, kwargs)
            enclosure = site.recorder.enclosure
            start = now()
            record = [start, IN_PROGRESS, site, enclosure()]
        else:
            start = now()
            record = [start, IN_PROGRESS, site]
        try:
            records.append(record)
            result = func(*args, **kwargs) if kwargs else func(*args)
            record[1] = seconds = now() - start
        except BaseException as error:
            if record[1] == IN_PROGRESS:
                seconds = now() - start
                try:
                    end_with_error(site, record, error, seconds)
                finally:
                    # At the recursion limit no Python function can be called any more.
                    record[1] = seconds
            raise
        if seconds >= site.inspect_from:
            site.inspect(record)
        if len(records) >= series.limit:
            site.recorder.aggregator.flush(series)
        return result

    return wrapper


def coroutine_function(site: CallSite, func: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """Record the calls of a coroutine function, from its first step to its last."""
    series, now = site.series, site.now
    records = series.records

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        gate = site.gate
        if _slot._TRACER_PROVIDER is not gate:  # noqa: SLF001
            if _slot._TRACER_PROVIDER is not site.session_gate:  # noqa: SLF001
                if gate is OFF:
                    return await (func(*args, **kwargs) if kwargs else func(*args))
                if site.measuring:
                    return await with_cpu_time(site, func, args, kwargs)
                return await _engaged_coroutine(site, func, args, kwargs)
            enclosure = site.recorder.enclosure
            start = now()
            record = [start, IN_PROGRESS, site, enclosure()]
        else:
            start = now()
            record = [start, IN_PROGRESS, site]
        try:
            records.append(record)
            result = await (func(*args, **kwargs) if kwargs else func(*args))
            record[1] = seconds = now() - start
        except BaseException as error:
            if record[1] == IN_PROGRESS:
                seconds = now() - start
                try:
                    end_with_error(site, record, error, seconds)
                finally:
                    # At the recursion limit no Python function can be called any more.
                    record[1] = seconds
            raise
        if seconds >= site.inspect_from:
            site.inspect(record)
        if len(records) >= series.limit:
            site.recorder.aggregator.flush(series)
        return result

    return wrapper


def function_by_labels(
    choose: Callable[[tuple[Any, ...], dict[str, Any]], Callable[..., Any]],
) -> Callable[..., Any]:
    """Record the calls of a function whose labels come from its arguments.

    Args:
        choose: returns the wrapper for the labels of a call.
    """

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return choose(args, kwargs)(*args, **kwargs)

    return wrapper


def coroutine_function_by_labels(
    choose: Callable[[tuple[Any, ...], dict[str, Any]], Callable[..., Any]],
) -> Callable[..., Any]:
    """Record the calls of a coroutine function whose labels come from its arguments."""

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await choose(args, kwargs)(*args, **kwargs)

    return wrapper


def _engaged(
    site: CallSite, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    span, token = open_span(site)
    now = site.now
    start = now()
    record = [start, IN_PROGRESS, site]
    try:
        if span is not None:
            note_span(record, span)
        if site.recorder.open_sessions:
            enclose(record)
        site.series.records.append(record)
        result = func(*args, **kwargs)
        seconds = now() - start
        held, token = token, None
        if held is not None:
            detach(held)
        if site.options.error_results is not None:
            judge_result(site, record, result)
        if span is not None:
            close_span(record, span)
        end(site, record, seconds)
    except BaseException as error:
        if record[1] == IN_PROGRESS:
            seconds = now() - start
            try:
                _abandon(site, record, span, token, error, seconds=seconds)
            finally:
                record[1] = seconds
        raise
    return result


async def _engaged_coroutine(
    site: CallSite,
    func: Callable[..., Awaitable[Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    span, token = open_span(site)
    now = site.now
    start = now()
    record = [start, IN_PROGRESS, site]
    try:
        if span is not None:
            note_span(record, span)
        if site.recorder.open_sessions:
            enclose(record)
        site.series.records.append(record)
        result = await func(*args, **kwargs)
        seconds = now() - start
        held, token = token, None
        if held is not None:
            detach(held)
        if site.options.error_results is not None:
            judge_result(site, record, result)
        if span is not None:
            close_span(record, span)
        end(site, record, seconds)
    except BaseException as error:
        if record[1] == IN_PROGRESS:
            seconds = now() - start
            try:
                _abandon(site, record, span, token, error, seconds=seconds)
            finally:
                record[1] = seconds
        raise
    return result


def _abandon(
    site: CallSite,
    record: Record,
    span: Span | None,
    token: Any,
    error: BaseException,
    *,
    seconds: float,
) -> None:
    if token is not None:
        detach(token)
    classify(site, details_of(record), error)
    if span is not None:
        close_span(record, span, error)
    end(site, record, seconds)


def _measured(
    site: CallSite, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    measured = MeasuredCall(site)
    try:
        measured.begin()
        measured.run()
        try:
            result = func(*args, **kwargs)
        finally:
            measured.pause()
        if site.options.error_results is not None:
            judge_result(site, measured.record, result)
        measured.end()
    except BaseException as error:
        try:
            measured.end(error)
        finally:
            if measured.record[1] == IN_PROGRESS:
                measured.record[1] = site.now() - measured.record[0]
        raise
    return result
