"""Reports in a store: kept, listed and read again."""

from __future__ import annotations

import zlib
from base64 import b85decode, b85encode
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from vitalspan.config import REPORT_FORMATS
from vitalspan.errors import VitalspanError
from vitalspan.reports.report import RenderedReport, Report
from vitalspan.store.protocol import Record

if TYPE_CHECKING:
    from vitalspan.persistence import Persistence
    from vitalspan.store.reader import StoreReader

REPORT: Final = "report"
"""The kind of records that reports are."""

STORE: Final = "store"
"""What stands for the store in the place of a directory."""

_MOST_WAITING: Final = 100
"""Reports that wait for the store at most; the oldest are given up."""


class StoredReport(RenderedReport):
    """A report that a store has.

    Args:
        record: as the store has it.

    Attributes:
        at: when it was made, in seconds since the Unix epoch; of one that was made at an interval,
            the end of that.
        title: what it is about.
        subtitle: the period that it is about.
    """

    def __init__(self, record: Record) -> None:
        self.at = record.at
        self.title = str(record.document["title"])
        self.subtitle = str(record.document["subtitle"])
        self._packed: Mapping[str, str] = record.document["packed"]

    def rendered(self, format: str) -> str:  # noqa: A002 - the word
        """Return the report in a format: `html`, `md`, `json` or `txt`."""
        return zlib.decompress(b85decode(self._packed[format])).decode("utf-8")


def report_record(report: Report, at: float) -> Record:
    """Return a report as it is stored, in every format.

    Args:
        report: that is stored.
        at: in seconds since the Unix epoch.
    """
    packed = {
        one: b85encode(zlib.compress(report.rendered(one).encode("utf-8"), 9)).decode("ascii")
        for one in REPORT_FORMATS
    }
    document = {"title": report.title, "subtitle": report.subtitle, "packed": packed}
    return Record(REPORT, at, document)


def stored_reports(reader: StoreReader, most: int) -> list[StoredReport]:
    """Return the latest reports of a store, the last one first.

    Raises:
        StoreError: where the store cannot be read.
    """
    records = reader.records(REPORT, 0.0, float("inf"), most)
    return [StoredReport(one) for one in reversed(records)]


class ReportStore:
    """Keeps reports in the store of a monitor, which has them after the next tick.

    Args:
        persistence: returns what stores; None without a store.
    """

    def __init__(self, persistence: Callable[[], Persistence | None]) -> None:
        self._persistence = persistence
        self._waiting: deque[Record] = deque(maxlen=_MOST_WAITING)

    def keep(self, report: Report, at: float) -> None:
        """Keep a report of a time in seconds since the Unix epoch.

        Raises:
            VitalspanError: without a store.
        """
        self._stored()
        self._waiting.append(report_record(report, at))

    def kept(self, most: int) -> list[StoredReport]:
        """Return the latest reports, the last one first.

        Raises:
            VitalspanError: without a store, or where it cannot be read.
        """
        waiting = [StoredReport(one) for one in reversed(self._waiting)]
        return [*waiting, *stored_reports(self._stored().reader, most)][:most]

    def retain(self, age: float) -> None:
        """Let reports be forgotten after so many seconds.

        Raises:
            VitalspanError: without a store.
        """
        self._stored().keep_records(REPORT, age)

    def take_unstored(self) -> list[Record]:
        """Return what was kept since this was asked last."""
        records = list(self._waiting)
        self._waiting.clear()
        return records

    def _stored(self) -> Persistence:
        persistence = self._persistence()
        if persistence is None:
            raise VitalspanError("there is no store for reports: set store='sqlite:///history.db'")
        return persistence


class ReportShelf:
    """Where reports that are made at an interval are put, as `ReportDirectory` is, in a store.

    Args:
        store: takes them.

    Attributes:
        path: what stands for it in messages.
    """

    def __init__(self, store: ReportStore) -> None:
        self._store = store
        self.path = STORE

    def write(self, moment: float, make: Callable[[], Report]) -> bool:
        """Keep the report of a moment, in seconds since the Unix epoch."""
        self._store.keep(make(), moment)
        return True
