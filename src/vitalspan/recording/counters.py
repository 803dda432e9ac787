"""Counters besides operations: cache lookups and calls to APIs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from vitalspan.labels import value_text
from vitalspan.metrics import OVERFLOW
from vitalspan.recording.enclosing_sessions import CountedKey, EnclosingSession
from vitalspan.recording.lock_free_counter import LockFreeCounter
from vitalspan.recording.pickling import MonitorPart, rebuild
from vitalspan.recording.recorder import Recorder
from vitalspan.runtime import fork
from vitalspan.runtime.first_use import first_use
from vitalspan.runtime.internal_errors import logger

if TYPE_CHECKING:
    from vitalspan.recording.api import Api, UsageRecorder
    from vitalspan.recording.prices import PriceTable

MAX_NAMES: Final = 200
"""The maximum number of caches, and of APIs, of one monitor; others are counted as `_overflow`."""


_OVERFLOW_KEY: Final = (OVERFLOW, OVERFLOW)

Counted = TypeVar("Counted", "Cache", "Api")


class Cache(MonitorPart):
    """Hits and misses of one cache."""

    __slots__ = ("_recording", "component", "hits", "misses", "name")

    def __init__(self, component: str, name: str, recording: CounterTable) -> None:
        self.component = component
        self.name = name
        self.hits = LockFreeCounter()
        self.misses = LockFreeCounter()
        self._recording = recording

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ("cache", self.name, self.component)

    def hit(self) -> None:
        """Count a lookup that found its entry."""
        recording = self._recording
        if recording.enabled:
            self.hits.add()
            if recording.open_sessions:
                recording.add_to_session(("cache", self.component, self.name, ""), "hits")

    def miss(self) -> None:
        """Count a lookup that did not find its entry."""
        recording = self._recording
        if recording.enabled:
            self.misses.add()
            if recording.open_sessions:
                recording.add_to_session(("cache", self.component, self.name, ""), "misses")

    def counters(self) -> Iterator[LockFreeCounter]:
        """Yield all counters."""
        yield self.hits
        yield self.misses


class CounterTable:
    """The caches and APIs of one monitor, each of which is created once.

    Args:
        recorder: has the clock, the sessions and the internal errors.
        component: the default component.

    Attributes:
        usage: counts the usage of models; None if it is not counted.
        open_sessions: all open sessions of the process.
        enclosing_session: returns the session of the current code; None without one.
    """

    def __init__(self, recorder: Recorder, component: str) -> None:
        self.component = component
        self.now = recorder.now
        self.usage: UsageRecorder | None = None
        self.internal_errors = recorder.internal_errors
        self.enabled = True
        self.open_sessions: Mapping[int, EnclosingSession] = recorder.open_sessions
        self.enclosing_session = recorder.enclosing_session
        # Re-entrant, because a signal handler may name a cache while one is being named.
        self._lock = threading.RLock()
        self.caches: dict[tuple[str, str], Cache] = {}
        self.apis: dict[tuple[str, str], Api] = {}

    @first_use
    def prices(self) -> PriceTable:
        """The prices of models."""
        with fork.imports_finish_first:
            from vitalspan.recording.prices import PriceTable  # noqa: PLC0415 - few call models

        return PriceTable()

    def cache(self, name: str, component: str | None) -> Cache:
        """Return the cache of that name, always the same object."""
        return self._one(Cache, self.caches, name, component)

    def api(self, name: str, component: str | None) -> Api:
        """Return the API of that name, always the same object."""
        with fork.imports_finish_first:
            from vitalspan.recording.api import Api  # noqa: PLC0415 - many programs call none

        return self._one(Api, self.apis, name, component)

    def add_to_session(self, counted: CountedKey, column: str, amount: float = 1) -> None:
        """Add an amount to the sessions around the current code; it never raises.

        Args:
            counted: the cache or the API.
            column: what is counted.
            amount: how much.
        """
        try:
            session = self.enclosing_session()
            if session is not None:
                session.add_amount(counted, column, amount)
        except Exception:  # noqa: BLE001 - the user's code must not fail
            self.internal_errors.note(
                "session", "a lookup or a call could not be counted in its session"
            )

    def reset(self) -> None:
        """Start over from zero, with a lock that no other thread can hold."""
        self._lock = threading.RLock()
        counted: list[Cache | Api] = [*self.caches.values(), *self.apis.values()]
        for one in counted:
            for counter in one.counters():
                counter.reset()
        for api in self.apis.values():
            api.models.clear()

    def _one(
        self,
        kind: Callable[[str, str, CounterTable], Counted],
        table: dict[tuple[str, str], Counted],
        name: str,
        component: str | None,
    ) -> Counted:
        key = (self.component if component is None else value_text(component), value_text(name))
        if key in table:
            return table[key]
        with self._lock:
            refused = key not in table and len(table) >= MAX_NAMES
            if refused:
                key = _OVERFLOW_KEY
            first = key not in table
            if first:
                table[key] = kind(*key, self)
        if refused and first:
            logger.warning(
                "there are more than %d caches or APIs, so further ones are counted as %s",
                MAX_NAMES,
                OVERFLOW,
            )
        return table[key]
