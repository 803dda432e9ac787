"""The `operation` object, which is a decorator and a context manager."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

from vitalspan.recording.call import Call, ended_call
from vitalspan.recording.call_record import IN_PROGRESS
from vitalspan.recording.call_site import OFF, CallSite
from vitalspan.recording.call_site_table import CallSiteTable
from vitalspan.recording.decorate import decorate
from vitalspan.recording.enclosing_sessions import enclosing
from vitalspan.recording.measured_call import MeasuredCall
from vitalspan.recording.options import NO_EXTRAS, OperationOptions, SpanExtras
from vitalspan.recording.outcome import end, end_with_error
from vitalspan.recording.rebuild import Shared, rebuild
from vitalspan.recording.spans import slot as _slot

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_Link = tuple[Call, list[Call], Any]
"""A call, the open calls of its operation, and the link of the call that was entered before it."""

_entered: ContextVar[_Link | None] = ContextVar("vitalspan_entered", default=None)
"""Calls of kept operations that this task or thread has entered, innermost first."""


class Operation(Shared):
    """A named operation: decorate functions with it, or record blocks by `with` or `async with`.

    One object can be entered again while it is entered, by the same thread or by others.
    """

    __slots__ = ("_extras", "_open", "_options", "_site", "_sites")

    def __init__(
        self,
        sites: CallSiteTable,
        site: CallSite | None,
        options: OperationOptions | None = None,
        extras: SpanExtras | None = None,
    ) -> None:
        # Blocks make one of these each time they run: a site says all that options do.
        self._sites = sites
        self._site = site
        self._options = options
        self._extras = extras
        self._open: list[Call] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ("operation", self._defined(), self._extras)

    def __call__(self, func: F) -> F:
        """Decorate a function of any kind.

        Raises:
            TypeError: for a class, a property or anything else that is not a function.
        """
        extras = self._extras or NO_EXTRAS
        decorated: F = decorate(func, self._sites, self._defined(), extras)
        return decorated

    def __enter__(self) -> Call:
        site = self._site or self._block_site()
        if self._extras is None and _slot._TRACER_PROVIDER is site.gate:  # noqa: SLF001
            record = [site.now(), IN_PROGRESS, site]
            call = Call(record)
            site.series.records.append(record)
        elif self._extras is None and site.is_short_in_session():
            record = [site.now(), IN_PROGRESS, site, enclosing.get()]
            call = Call(record)
            site.series.records.append(record)
        else:
            call = self._engage(site)
        entered = self._open
        entered.append(call)
        if len(entered) > 1:
            _entered.set((call, entered, _still_open(_entered.get())))
        return call

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        entered = self._open
        # If a single call is open, it is the one that ends here. What another thread enters
        # meanwhile comes after it.
        call = entered.pop(0) if len(entered) == 1 else self._leave()
        record = call._record  # noqa: SLF001
        plain = call._measured is None and (len(record) == 3 or not record[3].own)  # noqa: SLF001
        if plain and error is None:
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

    def _block_site(self) -> CallSite:
        self._site = self._sites.block(self._defined())
        return self._site

    def _defined(self) -> OperationOptions:
        if self._options is not None:
            return self._options
        assert self._site is not None  # noqa: S101 - one of the two is always given
        return self._site.options

    async def __aenter__(self) -> Call:
        call = self.__enter__()
        if call._measured is not None:  # noqa: SLF001
            call._measured.share()  # noqa: SLF001
        return call

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _engage(self, site: CallSite) -> Call:
        if site.gate is OFF:
            return ended_call(site)
        measured = MeasuredCall(site, self._extras)
        measured.begin()
        measured.run()
        return Call(measured.record, measured)

    def _leave(self) -> Call:
        """Return the call that the present task or thread has entered last.

        At most one open call is in no context variable, the one that found nothing open before it.
        """
        entered = self._open
        link = head = _entered.get()
        while link is not None:
            call, among, outer = link
            if among is entered and _take(call, entered):
                if link is head:
                    _entered.set(outer)
                return call
            link = outer
        call = entered[0]
        _take(call, entered)
        return call


def _take(call: Call, entered: list[Call]) -> bool:
    """Take a call from the open ones, in one step that no other thread can come between."""
    try:
        entered.remove(call)
    except ValueError:
        return False
    return True


def _still_open(link: _Link | None) -> _Link | None:
    # Calls that ended where none but them was open are in the variable still.
    while link is not None and link[0] not in link[1]:
        link = link[2]
    return link


class Unrecorded(Shared):
    """The result of `operation(..., enabled=False)`: functions stay as they are, blocks run."""

    __slots__ = ("_site",)

    def __init__(self, sites: CallSiteTable) -> None:
        self._site = sites.unrecorded

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ("unrecorded",)

    def __call__(self, func: T) -> T:
        """Return the very same function."""
        return func

    def __enter__(self) -> Call:
        return ended_call(self._site)

    def __exit__(self, *_: object) -> None:
        return None

    async def __aenter__(self) -> Call:
        return ended_call(self._site)

    async def __aexit__(self, *_: object) -> None:
        return None
