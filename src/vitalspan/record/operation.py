"""`operation`: one thing that is a decorator and a context manager."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from vitalspan.record.call import Call
from vitalspan.record.decorate import decorate
from vitalspan.record.details import IN_PROGRESS, Details
from vitalspan.record.labels import declared
from vitalspan.record.observe import Observation, fail, finish
from vitalspan.record.site import OFF, Site
from vitalspan.record.spans import slot as _slot

if TYPE_CHECKING:
    from vitalspan.record.recorder import Recorder

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_Link = tuple[Call, list[Call], Any]
"""A call, the open calls of its operation, and the link of the call that was entered before it."""

_entered: ContextVar[_Link | None] = ContextVar("vitalspan_entered", default=None)
"""Calls of kept operations that this task or thread has entered, innermost first."""


class Definition:
    """What an operation was given, from which sites are made when it is put to use."""

    __slots__ = ("_component", "_labels", "_name", "_recorder", "_resources", "_slow")

    def __init__(
        self,
        recorder: Recorder,
        name: str | None,
        *,
        component: str | None,
        labels: Mapping[str, object] | None,
        slow: float | None,
        resources: bool | None,
    ) -> None:
        self._recorder = recorder
        self._name = name
        self._component = component
        self._labels = dict(declared(labels))
        self._slow = slow
        self._resources = resources

    def function(self, default: str, attributes: dict[str, Any], code_name: str) -> Site:
        """Return a new site for a function; without a name it is called by `default`."""
        return self._recorder.site(
            default if self._name is None else self._name,
            self._component,
            self._labels,
            slow=self._slow,
            resources=self._resources,
            attributes=attributes,
            code_name=code_name,
        )

    def block(self) -> Site:
        """Return the site of a block.

        Raises:
            TypeError: without a name.
        """
        if self._name is None:
            raise TypeError("operation() in a with statement needs a name: operation('parse')")
        return self._recorder.block_site(
            self._name, self._component, self._labels or None, self._slow, self._resources
        )


class Operation:
    """A named operation: decorate functions with it, or record blocks by `with` or `async with`.

    One object can be entered again while it is entered, by the same thread or by others.
    """

    __slots__ = ("_attributes", "_definition", "_open", "_site")

    def __init__(
        self,
        site: Site | None,
        attributes: Mapping[str, Any] | None = None,
        definition: Definition | None = None,
    ) -> None:
        self._site = site
        self._attributes = attributes
        self._definition = definition
        self._open: list[Call] = []

    def __call__(self, func: F) -> F:
        """Decorate a function of any kind.

        Raises:
            TypeError: for a class, a property or anything else that is not a function.
        """
        attributes = dict(self._attributes or {})

        def make_site(default: str, code_name: str) -> Site:
            if self._definition is not None:
                return self._definition.function(default, attributes, code_name)
            return self._made().like(attributes, code_name)

        decorated: F = decorate(func, make_site)
        return decorated

    def __enter__(self) -> Call:
        site = self._site or self._made()
        if _slot._TRACER_PROVIDER is site.gate and not self._attributes:  # noqa: SLF001
            record = [site.now(), IN_PROGRESS, site]
            call = Call(site, record, None)
            site.cell.records.append(record)
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
        site, record = call._site, call._record  # noqa: SLF001
        if error is None and call._observation is None and len(record) == 3:  # noqa: SLF001
            record[1] = seconds = site.now() - record[0]
            if seconds >= site.attention:
                site.attend(record)
            cell = site.cell
            if len(cell.records) >= cell.limit:
                site.recorder.folder.full(cell)
        else:
            self._end(call, error)

    def _end(self, call: Call, error: BaseException | None) -> None:
        observation, record, site = call._observation, call._record, call._site  # noqa: SLF001
        if observation is not None:
            observation.pause()
            observation.finish(error)
        elif error is not None:
            fail(site, record, error)
        elif record[1] == IN_PROGRESS:
            finish(site, record, site.now() - record[0])

    def _made(self) -> Site:
        if self._site is None and self._definition is not None:
            self._site = self._definition.block()
        assert self._site is not None  # noqa: S101 - one of the two is always given
        return self._site

    async def __aenter__(self) -> Call:
        call = self.__enter__()
        if call._observation is not None:  # noqa: SLF001
            call._observation.share()  # noqa: SLF001
        return call

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _engage(self, site: Site) -> Call:
        if site.gate is OFF:
            return _unrecorded(site)
        observation = Observation(site, dict(self._attributes) if self._attributes else None)
        observation.run()
        return Call(site, observation.record, observation)

    def _leave(self) -> Call:
        """Return the call that the present task or thread has entered last.

        At most one open call is in no context variable, the one that found nothing open before it.
        """
        entered = self._open
        link = head = _entered.get()
        while link is not None:
            call, among, outer = link
            if among is entered and _taken(call, entered):
                if link is head:
                    _entered.set(outer)
                return call
            link = outer
        call = entered[0]
        _taken(call, entered)
        return call


def _taken(call: Call, entered: list[Call]) -> bool:
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


class Unrecorded:
    """What `operation(..., enabled=False)` is: functions stay as they are, blocks just run."""

    __slots__ = ("_site",)

    def __init__(self, recorder: Recorder) -> None:
        self._site = recorder.unrecorded

    def __call__(self, func: T) -> T:
        """Return the very same function."""
        return func

    def __enter__(self) -> Call:
        return _unrecorded(self._site)

    def __exit__(self, *_: object) -> None:
        return None

    async def __aenter__(self) -> Call:
        return _unrecorded(self._site)

    async def __aexit__(self, *_: object) -> None:
        return None


def _unrecorded(site: Site) -> Call:
    # With a duration and details, so that nothing takes it for a call in progress.
    return Call(site, [0.0, 0.0, site, Details()], None)
