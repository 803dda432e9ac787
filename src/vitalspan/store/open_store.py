"""Opens stores by their URLs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from vitalspan.errors import ConfigurationError
from vitalspan.store.protocol import Store

_SQLITE: Final = "sqlite:///"

_EXAMPLES: Final = (
    "'sqlite:///history.db', 'postgresql://user@host/database' or 'redis://host' for example"
)


def open_store(url: str, *, read_only: bool = False) -> Store:
    """Return the store for a URL. It is not opened yet.

    Args:
        url: the URL, such as `sqlite:///history.db`, or `sqlite:////var/lib/shop.db` for an
            absolute path.
        read_only: whether it is only read, perhaps while another process writes.

    Raises:
        ConfigurationError: for a URL that is not that of a store.
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    # The database is before the plus, SQLAlchemy's driver after it.
    make = _STORES.get(scheme.partition("+")[0])
    if make is None:
        shown = url.partition("://")[0] if "://" in url else url
        raise ConfigurationError(f"store={shown!r:.80} is not the URL of a store: use {_EXAMPLES}")
    return make(url, read_only)


def _sqlite(url: str, read_only: bool) -> Store:  # noqa: FBT001 - as the others
    from vitalspan.store.sqlite import SqliteStore  # noqa: PLC0415 - few programs have a store

    path = unquote(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else ""
    if not path or path.endswith("/") or "?" in path:
        raise ConfigurationError(
            f"store={url!r:.80}: give the path of a file, as in 'sqlite:///history.db' or "
            "'sqlite:////var/lib/shop/history.db'"
        )
    # The program may change its working directory later.
    return SqliteStore(Path(path).absolute(), read_only=read_only)


def _sql(url: str, read_only: bool) -> Store:  # noqa: FBT001 - as the others
    from vitalspan.store.sql import SqlStore  # noqa: PLC0415 - few programs have a store

    return SqlStore(url.replace("postgres://", "postgresql://", 1), read_only=read_only)


def _redis(url: str, read_only: bool) -> Store:  # noqa: FBT001 - as the others
    from vitalspan.store.redis import RedisStore  # noqa: PLC0415 - few programs have a store

    return RedisStore(url, read_only=read_only)


_STORES: Final[dict[str, Callable[[str, bool], Store]]] = {
    "sqlite": _sqlite,
    **dict.fromkeys(("postgres", "postgresql", "mysql", "mariadb", "mssql", "oracle"), _sql),
    **dict.fromkeys(("redis", "rediss", "unix"), _redis),
}
