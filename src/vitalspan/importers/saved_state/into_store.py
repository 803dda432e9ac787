"""Imports the saved state of the older monitors into a store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vitalspan.errors import VitalspanError
from vitalspan.importers.saved_state.read import SavedState, read_saved_state
from vitalspan.store.past_calls import PastCalls
from vitalspan.store.protocol import Store

_IMPORTS: Final = "imports"
"""The document that lists the imported files: their names and times by digest."""

_MOST_MISTAKES: Final = 20


@dataclass(frozen=True)
class Imported:
    """The numbers of imported items.

    Attributes:
        calls: the number of operations.
        sessions: the number of sessions.
        alerts: the number of alerts.
        too_old: the number of operations that are too old for the store.
        mistakes: the items that were left out because they are invalid.
    """

    calls: int
    sessions: int
    alerts: int
    too_old: int
    mistakes: int


@dataclass(frozen=True)
class ImportOptions:
    """How files are imported.

    Attributes:
        component: the component of operations that have none.
        skip: whether invalid items are left out; otherwise nothing is imported.
        again: whether files that were imported before are imported again.
    """

    component: str = "default"
    skip: bool = False
    again: bool = False


def import_files(
    store: Store, paths: Sequence[Path], now: float, options: ImportOptions
) -> Imported:
    """Import files into a store: either all of them or none.

    Args:
        store: the store to write to; no other process may write to it meanwhile.
        paths: the files.
        now: the time in seconds since the Unix epoch.
        options: how they are imported.

    Raises:
        VitalspanError: for a file that cannot be read, or that was imported before, with every
            mistake by file and line; nothing is imported then.
        StoreError: if the store cannot be written.
    """
    store.open()
    known: dict[str, Any] = store.document(_IMPORTS) or {}
    whole, messages = SavedState(), list[str]()
    for path in paths:
        data = _content(path)
        digest = hashlib.sha256(data).hexdigest()
        if digest in known and not options.again:
            raise VitalspanError(f"{path} was imported before: use --again to add it once more")
        known[digest] = [path.name, now]
        state = _state(path, data, options.component)
        messages += [f"{path}:{one.line}: {one.text}" for one in state.mistakes]
        whole.calls += state.calls
        whole.sessions += state.sessions
        whole.alerts += state.alerts
    if messages and not options.skip:
        more = len(messages) - _MOST_MISTAKES
        shown = messages[:_MOST_MISTAKES] + ([f"... and {more} more"] if more > 0 else [])
        listed = "\n  ".join(shown)
        raise VitalspanError(
            "nothing was imported, because some records cannot be used (--skip skips them):\n"
            f"  {listed}"
        )
    calls = PastCalls(store, now)
    calls.add(whole.calls)
    calls.write(whole.records, {_IMPORTS: known})
    return Imported(
        len(whole.calls) - calls.too_old,
        len(whole.sessions),
        len(whole.alerts),
        calls.too_old,
        len(messages),
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VitalspanError(f"{path}: {error.strerror or error}") from None


def _state(path: Path, data: bytes, component: str) -> SavedState:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise VitalspanError(f"{path}:{line}: this is not UTF-8") from None
    state = read_saved_state(text, component)
    if not (state.calls or state.sessions or state.alerts or state.mistakes):
        raise VitalspanError(
            f"{path}:1: there is no operation, session or alert of an older monitor in it"
        )
    return state
