"""The tables of a store in a database that SQLAlchemy supports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vitalspan.store.protocol import Batch, labels_text

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

VERSION: Final = 3
"""The version of the tables and of the frames in them; those of earlier ones are read as well."""

SCHEMA: Final = "schema"
"""The document with the version of the tables."""


class Tables:
    """The tables of a store.

    Args:
        name: the prefix of their names.
    """

    def __init__(self, name: str) -> None:
        self.metadata = metadata = sa.MetaData()
        # MySQL's default type is too short for a frame.
        binary = sa.LargeBinary().with_variant(sa.LargeBinary(2**24 - 1), "mysql", "mariadb")
        text = sa.Text().with_variant(sa.Text(2**24 - 1), "mysql", "mariadb")
        self.series = sa.Table(
            f"{name}_series",
            metadata,
            sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("kind", sa.String(20), nullable=False),
            sa.Column("labels", text, nullable=False),
        )
        self.frames = sa.Table(
            f"{name}_frames",
            metadata,
            sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("grp", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("calls", sa.BigInteger, nullable=False),
            sa.Column("errors", sa.BigInteger, nullable=False),
            sa.Column("total", sa.Double, nullable=False),
            sa.Column("packed", binary, nullable=False),
        )
        self.documents = sa.Table(
            f"{name}_documents",
            metadata,
            sa.Column("name", sa.String(100), primary_key=True),
            sa.Column("document", text, nullable=False),
        )
        self.records = sa.Table(
            f"{name}_records",
            metadata,
            sa.Column("number", sa.Integer, primary_key=True),
            sa.Column("kind", sa.String(20), nullable=False),
            sa.Column("at", sa.Double, nullable=False),
            sa.Column("document", text, nullable=False),
            sa.Index(f"{name}_records_key", "kind", "at"),
        )

    def write(self, connection: Connection, batch: Batch) -> None:
        """Write a batch in the transaction of a connection."""
        frames, documents, records = self.frames, self.documents, self.records
        if batch.series:
            rows = [(one.number, one.kind, labels_text(one.labels)) for one in batch.series]
            _replace(connection, self.series, ("number",), rows)
        if batch.frames:
            # If two have the same key, the later one wins.
            latest = {row[:3]: row for row in batch.frames}
            _replace(connection, frames, ("step", "start", "grp"), list(latest.values()))
        texts = [(name, json.dumps(one)) for name, one in batch.documents.items()]
        if texts:
            texts.append((SCHEMA, json.dumps(VERSION)))
            _replace(connection, documents, ("name",), texts)
        if batch.records:
            connection.execute(
                sa.insert(records),
                [
                    {"kind": one.kind, "at": one.at, "document": json.dumps(one.document)}
                    for one in batch.records
                ],
            )
        for step, before in batch.expired_frames.items():
            if before > 0:
                old = sa.delete(frames).where(frames.c.step == step, frames.c.start < int(before))
                connection.execute(old)
        if batch.expired_records is not None:
            connection.execute(sa.delete(records).where(records.c.at < batch.expired_records))
        for kind, before in batch.expired_kinds.items():
            expired = sa.delete(records).where(records.c.kind == kind, records.c.at < before)
            connection.execute(expired)


def _replace(
    connection: Connection, table: sa.Table, key: tuple[str, ...], rows: list[Any]
) -> None:
    """Insert rows, replacing those with the same keys, in every dialect."""
    names = [column.name for column in table.columns]
    values = [dict(zip(names, row, strict=True)) for row in rows]
    same = [table.c[name] == sa.bindparam(f"key_{name}") for name in key]
    keys = [{f"key_{name}": value[name] for name in key} for value in values]
    connection.execute(sa.delete(table).where(*same), keys)
    connection.execute(sa.insert(table), values)
