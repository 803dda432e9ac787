"""A directory of reports, from which old ones are removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vitalspan.reports.atomic_file import UNFINISHED, write_atomically
from vitalspan.reports.figures import file_time
from vitalspan.reports.report import Report

_NAME: Final = re.compile(r"report-(\d{8}T\d{6}Z)\.(?:html|md|json|txt)", re.ASCII)

_ABANDONED: Final = 3600.0
"""Seconds after which an unfinished file counts as abandoned."""


class ReportDirectory:
    """A directory of reports that are named after their time: `report-20260131T140000Z.html`.

    Other files in it are not touched.

    Args:
        path: the directory; it is created when it is needed, for its owner only.
        formats: the formats that each report is written in.
        keep: the number of reports to keep.
        max_age: seconds after which a report is removed.
    """

    def __init__(self, path: Path, formats: Iterable[str], keep: int, max_age: float) -> None:
        self.path = path
        self.formats = tuple(dict.fromkeys(formats))
        self._keep = keep
        self._max_age = max_age

    def write(self, moment: float, make: Callable[[], Report]) -> bool:
        """Write the report of a moment, unless it exists, and remove old ones.

        Args:
            moment: the moment in seconds since the Unix epoch.
            make: makes the report.

        Returns:
            Whether it was written and did not exist before.

        Raises:
            OSError: if that fails.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # On a full disk, this may free the space that is needed.
        self.clean(moment)
        name = f"report-{file_time(moment)}"
        paths = {one: self.path / f"{name}.{one}" for one in self.formats}
        missing = {one: path for one, path in paths.items() if not path.exists()}
        if missing:
            report = make()
            for ending, path in missing.items():
                write_atomically(path, report.rendered(ending))
            self.clean(moment)
        return bool(missing)

    def clean(self, now: float) -> None:
        """Remove reports that are too old or too many, and abandoned files.

        Args:
            now: the current time in seconds since the Unix epoch.

        Raises:
            OSError: if that fails.
        """
        by_time: dict[str, list[Path]] = {}
        for path in self.path.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                by_time.setdefault(match.group(1), []).append(path)
            elif path.name.startswith(UNFINISHED):
                # Another process may be removing it as well.
                with suppress(FileNotFoundError):
                    if now - path.stat().st_mtime > _ABANDONED:
                        path.unlink()
        newest_first = sorted(by_time, reverse=True)
        for index, time in enumerate(newest_first):
            if index >= self._keep or now - _moment(time) > self._max_age:
                for path in by_time[time]:
                    path.unlink(missing_ok=True)


def _moment(time: str) -> float:
    try:
        return datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        # A name with an invalid time belongs to someone else.
        return float("inf")
