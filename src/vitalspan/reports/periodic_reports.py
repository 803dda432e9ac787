"""Writes reports at an interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vitalspan.reports.report import Report
from vitalspan.reports.report_directory import ReportDirectory
from vitalspan.reports.stored_reports import ReportStore
from vitalspan.runtime.internal_errors import InternalErrors, logger

RETRY: Final = 60.0
"""Seconds until writing a report is tried again after a failure."""


class PeriodicReports:
    """Writes a report at the end of each interval of the time of day, for example each hour.

    Args:
        directory: the directory to write to, which may be a store.
        interval: the interval in seconds.
        make: makes the report on the interval that has just ended.
        internal_errors: counts errors other than those of a disk.
        now: the current time, in seconds since the Unix epoch.

    Attributes:
        written: the number of written reports.
        failed: the number of failed attempts.
    """

    def __init__(
        self,
        directory: ReportDirectory | ReportStore,
        interval: float,
        make: Callable[[], Report],
        internal_errors: InternalErrors,
        now: float,
    ) -> None:
        self.written = 0
        self.failed = 0
        self._directory = directory
        self._interval = interval
        self._make = make
        self._internal_errors = internal_errors
        self._number = now // interval
        self._retry_at: float | None = None

    def tick(self, now: float) -> None:
        """Write a report if one is due, at a time in seconds since the Unix epoch."""
        number = now // self._interval
        if number < self._number:
            # The clock was set back.
            self._number, self._retry_at = number, None
        if number == self._number or self._waits(now):
            return
        try:
            self.written += self._directory.write(number * self._interval, self._make)
        except OSError as error:
            self._fail(now, error)
            return
        except Exception:  # noqa: BLE001 - the next report may succeed, and ticks go on
            self._internal_errors.note("report", "a report could not be made")
        self._number, self._retry_at = number, None

    def _waits(self, now: float) -> bool:
        """Return whether it is too early to try again."""
        return self._retry_at is not None and 0 < self._retry_at - now <= RETRY

    def _fail(self, now: float, error: OSError) -> None:
        self.failed += 1
        if self._retry_at is None:
            logger.warning(
                "a report could not be written to %s: %s (tried again every %.0f seconds; further "
                "failures are only counted)",
                self._directory.path,
                error.strerror or error,
                RETRY,
            )
        self._retry_at = now + RETRY
