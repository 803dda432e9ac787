"""The file in which the leader publishes alerts, health, SLOs and receivers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from vitalspan.workers.compact_json import dump
from vitalspan.workers.private_files import read_file, replace_file

_NAME: Final = "evaluation"
_FORMAT: Final = 1

_Stamp = tuple[int, int]


class PublishedEvaluation:
    """Writes the file, and reads it when it has changed.

    Args:
        directory: the shared directory of the processes.
        boot: the id of this boot; steady times of other boots mean nothing.
        report: called with the path of a file that cannot be read, and the reason.
    """

    def __init__(self, directory: Path, boot: str, report: Callable[[Path, str], None]) -> None:
        self.path = directory / _NAME
        self._boot = boot
        self._report = report
        self._seen: _Stamp | None = None

    def forget(self) -> None:
        """Read the file next time even if it has not changed."""
        self._seen = None

    def write(self, document: Mapping[str, Any]) -> None:
        """Publish a document.

        Raises:
            OSError: if it cannot be written, for example to a full disk; the previous document
                stays.
        """
        replace_file(self.path, dump({"format": _FORMAT, "boot": self._boot, **document}))

    def read(self) -> dict[str, Any] | None:
        """Return the document; None if it is the same as the last time, or cannot be read."""
        try:
            state = self.path.stat()
            stamp = (state.st_ino, state.st_mtime_ns)
            if stamp == self._seen:
                return None
            document: dict[str, Any] = json.loads(read_file(self.path))
            self._seen = stamp
            usable = document["format"] == _FORMAT and document["boot"] == self._boot
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError) as error:
            self._report(self.path, f"{error!r:.80}")
            return None
        return document if usable else None
