"""A directory of reports, of which old ones are removed."""

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
"""Seconds after which nobody finishes a file any more."""


class ReportDirectory:
    """A directory of reports, called by their time: `report-20260131T140000Z.html`.

    Other files in it are left alone.

    Args:
        path: of the directory; it is made when it is needed, for its owner only.
        formats: that each report is written in.
        keep: how many reports are kept.
        max_age: seconds after which a report is removed.
    """

    def __init__(self, path: Path, formats: Iterable[str], keep: int, max_age: float) -> None:
        self.path = path
        self.formats = tuple(dict.fromkeys(formats))
        self._keep = keep
        self._max_age = max_age

    def write(self, moment: float, make: Callable[[], Report]) -> bool:
        """Write the report of a moment, unless it is there already, and remove old ones.

        Args:
            moment: in seconds since the Unix epoch.
            make: makes the report.

        Returns:
            Whether it was written, and not there before.

        Raises:
            OSError: if that fails.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # On a full disk, this may make the room that is needed.
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
        """Remove the reports that are too old or too many, and files that nobody will finish.

        Args:
            now: in seconds since the Unix epoch.

        Raises:
            OSError: if that fails.
        """
        by_time: dict[str, list[Path]] = {}
        for path in self.path.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                by_time.setdefault(match.group(1), []).append(path)
            elif path.name.startswith(UNFINISHED):
                # Another process may be removing it too.
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
        # A name with a time that there is not is somebody else's.
        return float("inf")
