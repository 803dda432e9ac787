"""Marks on charts: starts of the service, and moments that the program marks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from vitalspan.errors import ConfigurationError
from vitalspan.labels import value_text
from vitalspan.resource import resource_attributes
from vitalspan.runtime import fork
from vitalspan.store.errors import StoreError
from vitalspan.store.protocol import Record

if TYPE_CHECKING:
    from vitalspan.store.reader import StoreReader

START: Final = "start"
MARK: Final = "mark"

MOST: Final = 200
"""The number of marks to keep per process, and to read of each kind from a store."""

_CHECK_SECONDS: Final = 60.0
"""Seconds after which a store is read again, because other processes may have written to it."""

_AT_ONCE: Final = 60.0
"""Seconds within which the starts of processes of one version are one start of the service."""

_LONGEST: Final = 31 * 86400.0


class Happening(NamedTuple):
    """Something that happened to the service at one time.

    Attributes:
        at: the time in seconds since the Unix epoch.
        kind: `start` for the first known process, `restart` with the previous version, `deploy`
            with another version, or `mark` for one of the program's.
        text: a description.
    """

    at: float
    kind: Literal["start", "restart", "deploy", "mark"]
    text: str


class Marks:
    """The starts of a process, and the moments that its program marks.

    Args:
        started: returns when counting began, in seconds since the Unix epoch.
        now: returns the time on the steady clock, in seconds.
        wall: returns the time of day, in seconds since the Unix epoch.
        stored: returns the reader of the store; None if nothing is stored.
    """

    def __init__(
        self,
        started: Callable[[], float],
        now: Callable[[], float],
        wall: Callable[[], float],
        stored: Callable[[], StoreReader | None],
    ) -> None:
        self._started = started
        self._now = now
        self._wall = wall
        self._stored = stored
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Start over, in a forked child."""
        self._own: deque[Record] = deque(maxlen=MOST)
        self._unstored: deque[Record] = deque(maxlen=MOST)
        self._start: Record | None = None
        self._past: list[Record] = []
        self._read_at = float("-inf")

    def add(self, text: str) -> None:
        """Mark this moment.

        Raises:
            ConfigurationError: if the text is not a string or is empty.
        """
        if not isinstance(text, str) or not text.strip():
            raise ConfigurationError(f"mark({text!r:.80}): use a few words that say what happened")
        self._keep(Record(MARK, self._wall(), {"text": value_text(text.strip())}))

    def take_unstored(self) -> list[Record]:
        """Return the records that have not been stored yet, and remember that they are."""
        self._note_start()
        unstored, self._unstored = self._unstored, deque(maxlen=MOST)
        return list(unstored)

    def between(self, start: float, end: float) -> list[Happening]:
        """Return what happened in a period, in order.

        Args:
            start: the start in seconds since the Unix epoch.
            end: the end in seconds since the Unix epoch.
        """
        self._note_start()
        every = {(one.kind, one.at): one for one in [*self._read(), *self._own.copy()]}
        records = sorted(every.values(), key=lambda one: one.at)
        found = [
            Happening(one.at, "mark", one.document["text"]) for one in records if one.kind == MARK
        ]
        found += _starts(one for one in records if one.kind == START)
        return sorted(one for one in found if start <= one.at <= end)

    def _note_start(self) -> None:
        if self._start is None:
            version = value_text(resource_attributes().get("service.version", ""))
            self._start = Record(START, self._started(), {"version": version})
            self._keep(self._start)

    def _keep(self, record: Record) -> None:
        self._own.append(record)
        self._unstored.append(record)

    def _read(self) -> list[Record]:
        reader, now = self._stored(), self._now()
        if reader is None:
            return []
        if now - self._read_at >= _CHECK_SECONDS:
            self._read_at, wall = now, self._wall()
            try:
                self._past = [
                    record
                    for kind in (START, MARK)
                    for record in reader.records(kind, wall - _LONGEST, wall, MOST)
                ]
            except StoreError:
                # The marks of this process are better than nothing.
                self._past = []
        return self._past


def _starts(records: Iterable[Record]) -> list[Happening]:
    """Return the starts of a service, each compared with the previous one."""
    starts: list[Record] = []
    for one in records:
        if starts and _version(one) == _version(starts[-1]) and one.at - starts[-1].at < _AT_ONCE:
            continue
        starts.append(one)
    found = [Happening(one.at, "start", f"The service started{_with(one)}") for one in starts[:1]]
    for before, one in pairwise(starts):
        if _version(one) == _version(before):
            found.append(Happening(one.at, "restart", f"The service started again{_with(one)}"))
        else:
            text = f"Version {_version(one) or 'unknown'}, after {_version(before) or 'unknown'}"
            found.append(Happening(one.at, "deploy", text))
    return found


def _version(record: Record) -> str:
    return str(record.document["version"])


def _with(record: Record) -> str:
    return f", version {_version(record)}" if _version(record) else ""
