"""Reports in a store: stored, listed and read."""

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
    from vitalspan.evaluation.persistence import Persistence
    from vitalspan.store.reader import StoreReader

REPORT: Final = "report"
"""The kind of the records of reports."""

STORE: Final = "store"
"""The name of the store where a directory could be given."""

_MOST_WAITING: Final = 100
"""The maximum number of reports that wait for the store; the oldest are dropped."""


class StoredReport(RenderedReport):
    """A report in a store.

    Args:
        record: the record in the store.

    Attributes:
        at: when it was made, in seconds since the Unix epoch; for a report on an interval, the end
            of that.
        title: the title of the report.
        subtitle: the period of the report.
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
    """Return a report as a record, in every format.

    Args:
        report: the report.
        at: the time in seconds since the Unix epoch.
    """
    packed = {
        one: b85encode(zlib.compress(report.rendered(one).encode("utf-8"), 9)).decode("ascii")
        for one in REPORT_FORMATS
    }
    document = {"title": report.title, "subtitle": report.subtitle, "packed": packed}
    return Record(REPORT, at, document)


def stored_reports(reader: StoreReader, most: int) -> list[StoredReport]:
    """Return the latest reports in a store, the last one first.

    Raises:
        StoreError: if the store cannot be read.
    """
    records = reader.records(REPORT, 0.0, float("inf"), most)
    return [StoredReport(one) for one in reversed(records)]


class ReportStore:
    """Stores reports in the store of a monitor, where they are available after the next tick.

    Args:
        persistence: returns the persistence; None without a store.

    Attributes:
        path: its name in messages.
    """

    path = STORE

    def __init__(self, persistence: Callable[[], Persistence | None]) -> None:
        self._persistence = persistence
        self._waiting: deque[Record] = deque(maxlen=_MOST_WAITING)

    def keep(self, report: Report, at: float) -> None:
        """Store a report with a time in seconds since the Unix epoch.

        Raises:
            VitalspanError: without a store.
        """
        self._stored()
        self._waiting.append(report_record(report, at))

    def write(self, moment: float, make: Callable[[], Report]) -> bool:
        """Store the report of a moment, like `ReportDirectory.write`."""
        self.keep(make(), moment)
        return True

    def kept(self, most: int) -> list[StoredReport]:
        """Return the latest reports, the last one first.

        Raises:
            VitalspanError: without a store, or if it cannot be read.
        """
        waiting = [StoredReport(one) for one in reversed(self._waiting)]
        return [*waiting, *stored_reports(self._stored().reader, most)][:most]

    def retain(self, age: float) -> None:
        """Delete reports after this many seconds.

        Raises:
            VitalspanError: without a store.
        """
        self._stored().keep_records(REPORT, age)

    def take_unstored(self) -> list[Record]:
        """Return the reports that were added since the previous call."""
        records = list(self._waiting)
        self._waiting.clear()
        return records

    def _stored(self) -> Persistence:
        persistence = self._persistence()
        if persistence is None:
            raise VitalspanError("there is no store for reports: set store='sqlite:///history.db'")
        return persistence
