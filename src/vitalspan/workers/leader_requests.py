"""Requests to the leader, from processes that do not evaluate rules themselves."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from vitalspan.rules.engine import RuleEngine
from vitalspan.rules.silences import Silences, silence_of
from vitalspan.workers.compact_json import dump
from vitalspan.workers.private_files import read_file, replace_file

_SUFFIX: Final = ".request"
_MOST: Final = 1000


class LeaderRequests:
    """Files that ask the leader to acknowledge, silence, unsilence or clear alerts.

    Args:
        directory: the shared directory of the processes.
        engine: the engine with the alerts.
        silences: the silences.
        note: called with a message about a request that cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        engine: RuleEngine,
        silences: Silences,
        note: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._engine = engine
        self._silences = silences
        self._note = note

    def send(self, kind: str, **arguments: Any) -> None:
        """Send a request to the leader; if it cannot be written, nothing happens.

        Args:
            kind: `acknowledge`, `silence`, `unsilence` or `clear`.
            **arguments: the arguments of the request.
        """
        path = self._directory / f"{secrets.token_hex(8)}{_SUFFIX}"
        with suppress(OSError):
            replace_file(path, dump({"kind": kind, **arguments}))

    def apply(self) -> None:
        """Carry out the requests that other processes have left."""
        for path in sorted(self._directory.glob(f"*{_SUFFIX}"))[:_MOST]:
            try:
                self._apply(json.loads(read_file(path)))
            except (OSError, ValueError, LookupError, TypeError) as error:
                self._note(f"{path} could not be read and is left out: {error!r:.80}")
            with suppress(OSError):
                path.unlink()

    def _apply(self, request: Mapping[str, Any]) -> None:
        kind = request["kind"]
        if kind == "acknowledge":
            self._engine.acknowledge(request["alert"])
        elif kind == "silence":
            self._silences.put(silence_of(request["silence"]))
        elif kind == "unsilence":
            self._silences.remove(request["silence"])
        elif kind == "clear":
            self._engine.clear()
