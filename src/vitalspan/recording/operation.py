"""The `operation` object, which is a decorator and a context manager."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from vitalspan.recording.call import Call, call_of, ended_call
from vitalspan.recording.call_record import IN_PROGRESS, Record
from vitalspan.recording.call_site import OFF, CallSite
from vitalspan.recording.call_site_table import CallSiteTable
from vitalspan.recording.decorate import decorate
from vitalspan.recording.enclosing_sessions import enclosing
from vitalspan.recording.measured_call import MeasuredCall
from vitalspan.recording.options import NO_EXTRAS, OperationOptions, SpanExtras
from vitalspan.recording.outcome import end, end_with_error
from vitalspan.recording.pickling import MonitorPart, rebuild
from vitalspan.recording.spans import slot as _slot

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_Link = tuple[Call, list[Call], Any]
"""A call, the open calls of its operation, and the link of the call that was entered before it."""

_Definition = tuple[OperationOptions, SpanExtras | None]

_NO_CALLS: Final[list[Call]] = []
"""The open calls of an operation that is not entered more than once at a time; never changed."""

_entered: ContextVar[_Link | None] = ContextVar("vitalspan_entered", default=None)
"""The calls of reused operations that this task or thread has entered, innermost first."""


class Operation(MonitorPart):
    """A named operation: a decorator for functions, and a context manager for blocks.

    The same object may be entered several times at once, by the same thread or by others.
    """

    # A block makes one of these each time it runs, with `block` instead of `define`. Without
    # `__init__` that costs half as much.
    __slots__ = ("_call", "_definition", "_more", "_site", "_sites")

    _call: Call | None
    """The call that was entered while none was open; it is not in the context variable."""
    _more: list[Call]
    """The other open calls."""
    _definition: _Definition | None
    """The options and the extras; None for those of the site without extras."""
    _site: CallSite | None
    """The site of blocks without extras, once it is known."""
    _sites: CallSiteTable

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ("operation", *self._defined())

    def __call__(self, func: F) -> F:
        """Decorate a function of any kind.

        Raises:
            TypeError: for a class, a property or anything else that is not a function.
        """
        options, extras = self._defined()
        decorated: F = decorate(func, self._sites, options, extras or NO_EXTRAS)
        return decorated

    def _open_calls(self) -> list[Call]:
        """Return the calls that have been entered and not left yet."""
        first = self._call
        return [*self._more] if first is None else [first, *self._more]

    def __enter__(self) -> Call:
        site = self._site
        if site is None or _slot._TRACER_PROVIDER is not site.gate:  # noqa: SLF001
            return self._enter_engaged()
        call = Call()
        call._record = record = [site.now(), IN_PROGRESS, site]  # noqa: SLF001
        # No other thread can run between these two statements, because they call nothing.
        if self._call is None and not self._more:
            self._call = call
        else:
            self._link(call)
        site.series.records.append(record)
        return call

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        call = self._call
        # If a single call is open, it is the one that ends here. Calls that other threads enter in
        # the meantime come after it.
        if call is None or self._more:
            call = self._leave()
        else:
            self._call = None
        record = call._record  # noqa: SLF001
        if error is None and type(call) is Call and (len(record) == 3 or not record[3].own):
            site = record[2]
            record[1] = seconds = site.now() - record[0]
            if seconds >= site.inspect_from:
                site.inspect(record)
            series = site.series
            if len(series.records) >= series.limit:
                site.recorder.aggregator.flush(series)
        else:
            self._end(call, error)

    def _end(self, call: Call, error: BaseException | None) -> None:
        measured, record = call._measured, call._record  # noqa: SLF001
        site = record[2]
        if measured is not None:
            measured.pause()
            measured.end(error)
        elif record[1] == IN_PROGRESS:
            seconds = site.now() - record[0]
            if error is None:
                end(site, record, seconds)
            else:
                end_with_error(site, record, error, seconds)

    def _defined(self) -> _Definition:
        if self._definition is not None:
            return self._definition
        assert self._site is not None  # noqa: S101 - one of the two is always given
        return self._site.options, None

    async def __aenter__(self) -> Call:
        call = self.__enter__()
        if type(call) is not Call and call._measured is not None:  # noqa: SLF001
            call._measured.share()  # noqa: SLF001
        return call

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.__exit__(kind, error, traceback)

    def _enter_engaged(self) -> Call:
        """Enter a call that may have more to do than to take the time."""
        options, extras = self._defined()
        site = self._site or self._sites.block(options)
        provider = _slot._TRACER_PROVIDER  # noqa: SLF001
        if extras is None:
            self._site = site
        if extras is None and provider is site.gate:
            call = _begin([site.now(), IN_PROGRESS, site])
        elif extras is None and provider is site.session_gate:
            call = _begin([site.now(), IN_PROGRESS, site, enclosing.get()])
        elif site.gate is OFF:
            call = ended_call(site)
        else:
            measured = MeasuredCall(site, extras)
            measured.begin()
            measured.run()
            call = call_of(measured.record, measured)
        if self._call is None and not self._more:
            self._call = call
        else:
            self._link(call)
        return call

    def _link(self, call: Call) -> None:
        """Store a call that is entered while others are open, so that its own task leaves it."""
        room: list[Call] = []
        # No other thread can run between these two statements, because they call nothing.
        if self._more is _NO_CALLS:
            self._more = room
        entered = self._more
        entered.append(call)
        _entered.set((call, entered, _still_open(_entered.get())))

    def _leave(self) -> Call:
        """Return the call that the current task or thread has entered last.

        At most one open call is not in the context variable, the one that was entered first.
        """
        entered = self._more
        link = head = _entered.get()
        while link is not None:
            call, among, outer = link
            if among is entered and _take(call, among):
                if link is head:
                    _entered.set(outer)
                return call
            link = outer
        first = self._call
        if first is not None:
            self._call = None
            return first
        call = entered[0]
        _take(call, entered)
        return call


def _begin(record: Record) -> Call:
    call = call_of(record)
    record[2].series.records.append(record)
    return call


def define(sites: CallSiteTable, options: OperationOptions, extras: SpanExtras | None) -> Operation:
    """Return an operation with these options."""
    operation = Operation()
    operation._sites = sites  # noqa: SLF001 - of this module
    operation._site = sites.blocks.get(options) if extras is None else None  # noqa: SLF001
    operation._definition = options, extras  # noqa: SLF001
    operation._call = None  # noqa: SLF001
    operation._more = _NO_CALLS  # noqa: SLF001
    return operation


def block(sites: CallSiteTable, site: CallSite) -> Operation:
    """Return the operation of blocks whose site is known."""
    operation = Operation()
    operation._sites = sites  # noqa: SLF001 - of this module
    operation._site = site  # noqa: SLF001
    operation._call = operation._definition = None  # noqa: SLF001
    operation._more = _NO_CALLS  # noqa: SLF001
    return operation


def _take(call: Call, entered: list[Call]) -> bool:
    """Remove a call from the open ones in one atomic step; return whether it was there."""
    try:
        entered.remove(call)
    except ValueError:
        return False
    return True


def _still_open(link: _Link | None) -> _Link | None:
    # The variable may still have calls that ended elsewhere.
    while link is not None and link[0] not in link[1]:
        link = link[2]
    return link


class Unrecorded(MonitorPart):
    """The result of `operation(..., enabled=False)`: functions stay as they are, blocks run."""

    __slots__ = ("_site",)

    def __init__(self, sites: CallSiteTable) -> None:
        self._site = sites.unrecorded

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ("unrecorded",)

    def __call__(self, func: T) -> T:
        """Return the function itself."""
        return func

    def __enter__(self) -> Call:
        return ended_call(self._site)

    def __exit__(self, *_: object) -> None:
        return None

    async def __aenter__(self) -> Call:
        return ended_call(self._site)

    async def __aexit__(self, *_: object) -> None:
        return None
