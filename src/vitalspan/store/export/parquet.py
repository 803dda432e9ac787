"""Exports stored history as a Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from vitalspan.errors import MissingExtraError
from vitalspan.store.export.rows import COLUMNS, flat_rows

_ROWS: Final = 50_000
"""The number of rows in a row group of the file, all of which are in memory at once."""

_TYPES: Final = {"start": "int64", "end": "int64", "count": "int64", "errors": "int64"}
_TEXTS: Final = ("component", "operation", "labels")


def write_parquet(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write rows to a Parquet file.

    Raises:
        MissingExtraError: if pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - few need it
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("Parquet", "parquet") from None
    schema = pa.schema(
        (name, pa.string() if name in _TEXTS else getattr(pa, _TYPES.get(name, "float64"))())
        for name in COLUMNS
    )
    with parquet.ParquetWriter(path, schema) as writer:
        remaining = flat_rows(rows)
        while some := list(islice(remaining, _ROWS)):
            writer.write_table(pa.Table.from_pylist(some, schema))
