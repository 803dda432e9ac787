"""A store in one SQLite file."""

from __future__ import annotations

import json
import os
import sqlite3
import weakref
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from vitalspan.runtime import fork
from vitalspan.store.errors import NewerStoreError, StoreError, StoreInUseError
from vitalspan.store.protocol import Batch, FrameRow, Record, StoredSeries, labels_text, series_of

_APPLICATION: Final = 0x76747370
"""The application id of these files: `vtsp`."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE series (
            number INTEGER PRIMARY KEY, kind TEXT NOT NULL, labels TEXT NOT NULL,
            UNIQUE (kind, labels)
        )""",
        """CREATE TABLE frames (
            step INTEGER NOT NULL, start INTEGER NOT NULL, grp INTEGER NOT NULL,
            calls INTEGER NOT NULL, errors INTEGER NOT NULL, total REAL NOT NULL,
            packed BLOB NOT NULL
        )""",
        "CREATE UNIQUE INDEX frames_key ON frames (step, start, grp)",
        "CREATE TABLE documents (name TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE records (kind TEXT NOT NULL, at REAL NOT NULL, document TEXT NOT NULL)",
        "CREATE INDEX records_key ON records (kind, at)",
    ),
    # The tables are the same; among the frames are some that the version before cannot read.
    (),
    (),
)
"""The statements that migrate the tables to each version from the previous one."""

_PATIENCE: Final = 1.0
"""Seconds to wait for another process that has locked the file."""

_PAGE: Final = 16384
"""The page size in bytes; a page holds about seven frames. It is larger than the default, so that
less space is lost at the ends of pages."""

_LOG_PAGES: Final = 128
"""The number of pages, 2 MiB, after which the write-ahead log is merged into the file."""


class SqliteStore:
    """A store in one SQLite file with a write-ahead log.

    Args:
        path: the path of the file, which is created if it does not exist.
        read_only: whether it is only read, perhaps while another process writes.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._read_only = read_only
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._process = os.getpid()

    @property
    def name(self) -> str:
        """The name of the store for people."""
        return f"sqlite:///{self._path}"

    def open(self) -> None:
        """Create or migrate the tables, and become the one process that writes.

        Raises:
            StoreError: if that is not possible now.
        """
        with self._faults():
            if self._read_only:
                if not self._path.is_file():
                    raise StoreError(f"{self.name}: there is no such file")
                with self._reading() as connection:
                    self._version(connection)
                return
            self._process = os.getpid()
            self._take_lock()
            try:
                self._connection = connection = self._opened()
            except BaseException:
                self._let_lock_go()
                raise
            # Python warns about a connection that is garbage-collected while it is open.
            weakref.finalize(self, _close_abandoned, connection, self._process).atexit = False

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute(f"PRAGMA page_size={_PAGE}")
            version = self._version(connection)
            connection.execute("PRAGMA journal_mode=WAL")
            # After a power loss the last transactions may be missing, but the file is intact.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            if version < len(MIGRATIONS):
                connection.execute("BEGIN IMMEDIATE")
                for statements in MIGRATIONS[version:]:
                    for statement in statements:
                        connection.execute(statement)
                connection.execute(f"PRAGMA application_id={_APPLICATION}")
                connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
                connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _version(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        application: int = connection.execute("PRAGMA application_id").fetchone()[0]
        tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and application != _APPLICATION:
            raise StoreError(f"{self.name}: this is another program's database")
        if version > len(MIGRATIONS):
            raise NewerStoreError(
                f"{self.name}: a newer version of vitalspan has written it (tables of version "
                f"{version}, this one knows {len(MIGRATIONS)}); use that version or another file"
            )
        if self._read_only and not tables:
            raise StoreError(f"{self.name}: there is no history in it")
        return version

    def write(self, batch: Batch) -> None:
        """Write a batch, wholly or not at all."""
        with self._faults():
            connection = self._connection
            if connection is None:
                raise StoreError(f"{self.name}: it is not open")
            connection.execute("BEGIN IMMEDIATE")
            try:
                _write(connection, batch)
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def size(self) -> int:
        """Return the size in bytes."""
        with self._faults(), self._reading() as connection:
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            used: int = (pages - free) * size
            return used

    def series(self) -> list[StoredSeries]:
        """Return all series, ordered by number."""
        with self._faults(), self._reading() as connection:
            rows = connection.execute("SELECT number, kind, labels FROM series ORDER BY number")
            return series_of(rows)

    def frames(
        self, step: int, start: int, end: int, groups: Collection[int] | None = None
    ) -> list[FrameRow]:
        """Return the frames of one length that start in a period, ordered by start."""
        query = "SELECT * FROM frames WHERE step = ? AND start >= ? AND start < ?"
        if groups is not None:
            query += f" AND grp IN ({','.join(str(int(group)) for group in groups)})"
        with self._faults(), self._reading() as connection:
            rows = connection.execute(f"{query} ORDER BY start, grp", (step, start, end))
            return [FrameRow(*row) for row in rows]

    def span(self, step: int, start: int = 0) -> tuple[int, int] | None:
        """Return the starts of the first and last frame of a length; None if there are none."""
        query = "SELECT start FROM frames WHERE step = ? AND start >= ? ORDER BY start"
        with self._faults(), self._reading() as connection:
            first, last = (
                connection.execute(f"{query} {order} LIMIT 1", (step, start)).fetchone()
                for order in ("ASC", "DESC")
            )
            return None if first is None or last is None else (first[0], last[0])

    def groups(self, step: int, start: int, end: int) -> list[int]:
        """Return the groups that have frames of a length starting in a period."""
        query = "SELECT DISTINCT grp FROM frames WHERE step = ? AND start >= ? AND start < ?"
        with self._faults(), self._reading() as connection:
            rows = connection.execute(f"{query} ORDER BY grp", (step, start, end))
            return [group for (group,) in rows]

    def document(self, name: str) -> Any:
        """Return a document; None if there is none."""
        with self._faults(), self._reading() as connection:
            query = "SELECT document FROM documents WHERE name = ?"
            row = connection.execute(query, (name,)).fetchone()
            return None if row is None else json.loads(row[0])

    def records(self, kind: str, start: float, end: float, most: int) -> list[Record]:
        """Return the latest records of a kind in a period, in order."""
        query = (
            "SELECT kind, at, document FROM records WHERE kind = ? AND at >= ? AND at < ?"
            " ORDER BY at DESC, rowid DESC LIMIT ?"
        )
        with self._faults(), self._reading() as connection:
            rows = connection.execute(query, (kind, start, end, most)).fetchall()
            return [Record(kind, at, json.loads(text)) for kind, at, text in reversed(rows)]

    def close(self) -> None:
        """Close the file; a forked child only drops its parent's connection and lock."""
        connection, self._connection = self._connection, None
        if self._process != os.getpid():
            _inherited.append(connection)
        elif connection is not None:
            with self._faults():
                connection.close()
        self._let_lock_go()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for reading, in any thread."""
        with closing(sqlite3.connect(self._uri, timeout=_PATIENCE, uri=True)) as connection:
            yield connection

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            with fork.queries_finish_first:
                yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.name}: {error}") from None
        except OSError as error:
            raise StoreError(f"{self.name}: {error.strerror or error}") from None
        except (ValueError, TypeError) as error:
            raise StoreError(f"{self.name}: it is damaged: {error}") from None

    def _take_lock(self) -> None:
        """Lock a file next to the database for the lifetime of this process."""
        if self._lock is not None:
            return
        import fcntl  # noqa: PLC0415 - not every system has it

        path = f"{self._path}-writer"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StoreInUseError(
                f"{self.name}: another process writes to it; give each its own file, or let them "
                "be workers of one service"
            ) from None
        self._lock = lock

    def _let_lock_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


_inherited: list[sqlite3.Connection | None] = []
"""Keeps a parent's connections from being closed, which would release its locks."""


def _close_abandoned(connection: sqlite3.Connection, process: int) -> None:
    """Close the connection of an abandoned store, in the process that opened it."""
    if process == os.getpid():
        connection.close()
    else:
        _inherited.append(connection)


def _write(connection: sqlite3.Connection, batch: Batch) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO series VALUES (?, ?, ?)",
        [(one.number, one.kind, labels_text(one.labels)) for one in batch.series],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?, ?, ?)", batch.frames
    )
    connection.executemany(
        "INSERT OR REPLACE INTO documents VALUES (?, ?)",
        [(name, json.dumps(document)) for name, document in batch.documents.items()],
    )
    connection.executemany(
        "INSERT INTO records VALUES (?, ?, ?)",
        [(one.kind, one.at, json.dumps(one.document)) for one in batch.records],
    )
    connection.executemany(
        "DELETE FROM frames WHERE step = ? AND start < ?", list(batch.expired_frames.items())
    )
    if batch.expired_records is not None:
        connection.execute("DELETE FROM records WHERE at < ?", (batch.expired_records,))
    connection.executemany(
        "DELETE FROM records WHERE kind = ? AND at < ?", list(batch.expired_kinds.items())
    )
