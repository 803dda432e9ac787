"""A store in a database that SQLAlchemy supports, such as PostgreSQL."""

from __future__ import annotations

import json
import os
import weakref
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from vitalspan.errors import ConfigurationError, MissingExtraError
from vitalspan.store.errors import NewerStoreError, StoreError, StoreInUseError
from vitalspan.store.protocol import Batch, FrameRow, Record, StoredSeries, series_of

try:
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    from vitalspan.store.connection_limit import ConnectionLimit
    from vitalspan.store.sql_tables import SCHEMA, VERSION, Tables
except ImportError:  # pragma: no cover - tests need it to be installed
    raise MissingExtraError("this store", "store-sql") from None

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection

_PATIENCE: Final = 3
"""Seconds to wait for a connection."""

_LIMIT: Final = 8.0
"""Seconds after which an operation is ended if the server is silent."""

_CONNECT: Final[dict[str, dict[str, Any]]] = {
    "postgresql": {
        "connect_timeout": _PATIENCE,
        "options": "-c statement_timeout=5000 -c lock_timeout=2000",
    },
    "mysql": {"connect_timeout": _PATIENCE, "read_timeout": 5, "write_timeout": 5},
}
"""Arguments of drivers that keep a slow database from delaying the evaluation of rules."""

_LOCKS: Final = {
    "postgresql": "SELECT pg_try_advisory_lock(:number)",
    "mysql": "SELECT GET_LOCK(:number, 0)",
}
"""The locks, which are released when their process dies."""


def _dispose(engine: sa.Engine, process: int) -> None:
    """Close the connections of an abandoned store, in the process that opened them."""
    engine.dispose(close=process == os.getpid())


_inherited: list[Any] = []
"""Keeps a forked child from closing its parent's connections."""


class SqlStore:
    """A store in four tables of a database.

    Args:
        url: the URL for SQLAlchemy; `name=` in its query is the prefix of the tables.
        read_only: whether it is only read, perhaps while another process writes.

    Raises:
        ConfigurationError: for a URL that SQLAlchemy does not accept, or a driver that is not
            installed.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        try:
            parsed = sa.engine.make_url(url)
            name = parsed.query.get("name", "vitalspan")
            self._url: URL = parsed.difference_update_query(["name"])
            dialect = self._url.get_dialect().name
            self._engine = sa.create_engine(
                self._url,
                pool_pre_ping=True,
                pool_size=2,
                connect_args=_CONNECT.get("mysql" if dialect == "mariadb" else dialect, {}),
            )
        except (ArgumentError, ImportError) as error:
            shown = url.partition("://")[0]
            raise ConfigurationError(f"store={shown!r:.80} cannot be used: {error}") from None
        if not isinstance(name, str) or not name.isidentifier():
            raise ConfigurationError(f"store: name={name!r:.80}: use letters, digits and _")
        self._read_only = read_only
        self._limit = ConnectionLimit(self._engine)
        self._tables = Tables(name)
        self._writing: Connection | None = None
        self._process = os.getpid()
        weakref.finalize(self, _dispose, self._engine, os.getpid()).atexit = False

    @property
    def name(self) -> str:
        """The name of the store for people, without a password."""
        return self._url.render_as_string(hide_password=True)

    def open(self) -> None:
        """Create or migrate the tables, and become the one process that writes.

        Raises:
            StoreError: if that is not possible now.
        """
        with self._faults():
            if self._read_only:
                if not sa.inspect(self._engine).has_table(self._tables.documents.name):
                    raise StoreError(f"{self.name}: there is no history in it")
                self._check_version()
                return
            self._process = os.getpid()
            connection = self._engine.connect()
            try:
                self._lock(connection)
                self._tables.metadata.create_all(connection)
                connection.commit()
                self._check_version()
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            self._writing = connection

    def _check_version(self) -> None:
        version = self.document(SCHEMA)
        if isinstance(version, int) and version > VERSION:
            raise NewerStoreError(
                f"{self.name}: a newer version of vitalspan has written it (tables of version "
                f"{version}, this one knows {VERSION}); use that version or another name="
            )

    def _lock(self, connection: Connection) -> None:
        dialect = self._engine.dialect.name
        statement = _LOCKS.get("mysql" if dialect == "mariadb" else dialect)
        if statement is None:
            return
        number = zlib.crc32(self._tables.frames.name.encode())
        free = connection.execute(sa.text(statement), {"number": number}).scalar()
        connection.commit()
        if not free:
            raise StoreInUseError(
                f"{self.name}: another process writes to it; give each a name= of its own, or let "
                "them be workers of one service"
            )

    def write(self, batch: Batch) -> None:
        """Write a batch, wholly or not at all."""
        with self._faults():
            connection = self._writing
            if connection is None:
                self.open()
                connection = self._writing
                assert connection is not None  # noqa: S101 - it is open
            try:
                self._tables.write(connection, batch)
                connection.commit()
            except BaseException:
                # The lock belongs to the connection, which may be lost; the next write gets both
                # again.
                self._writing = None
                connection.invalidate()
                connection.close()
                raise

    def size(self) -> int:
        """Return the size in bytes, or only that of the frames if no more is known."""
        frames = self._tables.frames
        with self._faults(), self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                names = [table.name for table in self._tables.metadata.sorted_tables]
                sizes = (
                    connection.execute(
                        sa.text("SELECT pg_total_relation_size(:name)"), {"name": f'"{name}"'}
                    ).scalar()
                    for name in names
                )
                return sum(size or 0 for size in sizes)
            total = sa.select(sa.func.sum(sa.func.length(frames.c.packed)))
            return connection.execute(total).scalar() or 0

    def series(self) -> list[StoredSeries]:
        """Return all series, ordered by number."""
        table = self._tables.series
        with self._faults(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.number))
            return series_of(rows)

    def frames(
        self, step: int, start: int, end: int, groups: Collection[int] | None = None
    ) -> list[FrameRow]:
        """Return the frames of one length that start in a period, ordered by start."""
        table = self._tables.frames
        query = sa.select(table).where(
            table.c.step == step, table.c.start >= start, table.c.start < end
        )
        if groups is not None:
            query = query.where(table.c.grp.in_(groups))
        with self._faults(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(table.c.start, table.c.grp))
            return [FrameRow(*row) for row in rows]

    def span(self, step: int, start: int = 0) -> tuple[int, int] | None:
        """Return the starts of the first and last frame of a length; None if there are none."""
        table = self._tables.frames
        query = sa.select(sa.func.min(table.c.start), sa.func.max(table.c.start))
        with self._faults(), self._engine.connect() as connection:
            row = connection.execute(
                query.where(table.c.step == step, table.c.start >= start)
            ).one()
            return None if row[0] is None else (row[0], row[1])

    def groups(self, step: int, start: int, end: int) -> list[int]:
        """Return the groups that have frames of a length starting in a period."""
        table = self._tables.frames
        query = sa.select(table.c.grp).distinct()
        query = query.where(table.c.step == step, table.c.start >= start, table.c.start < end)
        with self._faults(), self._engine.connect() as connection:
            return list(connection.execute(query.order_by(table.c.grp)).scalars())

    def document(self, name: str) -> Any:
        """Return a document; None if there is none."""
        table = self._tables.documents
        query = sa.select(table.c.document).where(table.c.name == name)
        with self._faults(), self._engine.connect() as connection:
            text = connection.execute(query).scalar()
            return None if text is None else json.loads(text)

    def records(self, kind: str, start: float, end: float, most: int) -> list[Record]:
        """Return the latest records of a kind in a period, in order."""
        table = self._tables.records
        query = sa.select(table.c.kind, table.c.at, table.c.document).where(
            table.c.kind == kind, table.c.at >= start
        )
        if end < float("inf"):
            query = query.where(table.c.at < end)
        query = query.order_by(table.c.at.desc(), table.c.number.desc()).limit(most)
        with self._faults(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
            return [Record(kind, at, json.loads(text)) for kind, at, text in reversed(rows)]

    def close(self) -> None:
        """Disconnect from the database; a forked child only drops its parent's connections."""
        connection, self._writing = self._writing, None
        if self._process != os.getpid():
            _inherited.append(connection)
            self._engine.dispose(close=False)
            return
        with self._faults():
            if connection is not None:
                connection.invalidate()
                connection.close()
            self._engine.dispose()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        with self._limit.of(_LIMIT) as overdue:
            try:
                yield
            except SQLAlchemyError as error:
                cause = getattr(error, "orig", None) or error
                text = (str(cause).strip() or type(cause).__name__).splitlines()[0]
                if overdue.is_set():
                    text = f"it did not answer within {_LIMIT:g} s"
                raise StoreError(f"{self.name}: {text}") from None
            except (ValueError, TypeError) as error:
                raise StoreError(f"{self.name}: it is damaged: {error}") from None
