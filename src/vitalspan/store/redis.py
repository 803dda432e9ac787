"""A store in Redis."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from vitalspan.errors import ConfigurationError, MissingExtraError
from vitalspan.store.errors import NewerStoreError, StoreError, StoreInUseError
from vitalspan.store.protocol import Batch, FrameRow, Record, StoredSeries, labels_text, series_of

try:
    import redis
except ImportError:  # pragma: no cover - tests need it to be installed
    raise MissingExtraError("this store", "store-redis") from None

VERSION: Final = 3
"""The version of the keys and of the frames in them; those of earlier ones are read as well."""

_SCHEMA: Final = "schema"
"""The document with the version of the keys."""

_PATIENCE: Final = 3.0
"""Seconds to wait for a response."""

_LEASE: Final = 60
"""Seconds after which another process may write, if the server does not list its clients."""

_ROW: Final = struct.Struct("<qqqd")
"""The start of a frame, its calls, errors and total seconds; the packed frame follows."""

_BATCH: Final = 500


class RedisStore:
    """A store in the keys of one Redis database.

    The frames of each length and group are in a sorted set, ordered by their start. Documents,
    series and groups are in hashes and sets.

    Args:
        url: the URL for redis-py; `name=` in its query is the prefix of the keys.
        read_only: whether it is only read, perhaps while another process writes.

    Raises:
        ConfigurationError: for a URL that redis-py does not accept.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        parts = urlsplit(url)
        try:
            port = f":{parts.port}" if parts.port else ""
        except ValueError as error:
            raise ConfigurationError(f"store={url!r:.80}: {error}") from None
        query = dict(parse_qsl(parts.query))
        self._prefix = f"{query.pop('name', 'vitalspan')}:"
        self._bare_url = urlunsplit(parts._replace(query=urlencode(query)))
        host = parts.hostname or parts.path
        self._name = f"{parts.scheme}://{host}{port}" + (parts.path if parts.hostname else "")
        self._read_only = read_only
        self._process = os.getpid()
        try:
            self._reading = self._client()
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"store={self._name!r:.80} cannot be used: {error}") from None
        self._writing: Any = None

    def _client(self) -> Any:
        return redis.Redis.from_url(
            self._bare_url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE
        )

    @property
    def name(self) -> str:
        """The name of the store for people, without a password."""
        return self._name

    def open(self) -> None:
        """Check the version of the keys, and become the one process that writes.

        Raises:
            StoreError: if that is not possible now.
        """
        with self._faults():
            version = self.document(_SCHEMA)
            if isinstance(version, int) and version > VERSION:
                raise NewerStoreError(
                    f"{self.name}: a newer version of vitalspan has written it (keys of version "
                    f"{version}, this one knows {VERSION}); use that version or another name="
                )
            if self._read_only:
                if version is None:
                    raise StoreError(f"{self.name}: there is no history in it")
                return
            self._process = os.getpid()
            writing = self._client()
            self._take_lease(writing)
            self._writing = writing

    def _take_lease(self, writing: Any) -> None:
        """Become the writer, unless another one is connected."""
        own = self._connection_id(writing)
        key = self._key("writer")
        holder = writing.get(key)
        if holder is not None and holder != own and self._is_connected(writing, holder):
            raise StoreInUseError(
                f"{self.name}: another process writes to it; give each a name= of its own, or let "
                "them be workers of one service"
            )
        writing.set(key, own, ex=_LEASE)

    def _connection_id(self, writing: Any) -> bytes:
        return str(writing.client_id()).encode()

    def _is_connected(self, writing: Any, holder: bytes) -> bool:
        try:
            return bool(writing.client_list(client_id=[holder.decode()]))
        except redis.ResponseError:
            # Some managed servers do not list their clients. The lease expires by itself.
            return True

    def write(self, batch: Batch) -> None:
        """Write a batch, wholly or not at all."""
        with self._faults():
            writing = self._writing
            if writing is None:
                raise StoreError(f"{self.name}: it is not open")
            # To the server, a connection that was restored is a new one.
            self._take_lease(writing)
            pipeline = writing.pipeline(transaction=True)
            self._queue(pipeline, batch)
            pipeline.execute()

    def _queue(self, pipeline: Any, batch: Batch) -> None:
        for series in batch.series:
            text = json.dumps([series.kind, labels_text(series.labels)])
            pipeline.hset(self._key("series"), str(series.number), text)
        for row in batch.frames:
            key = self._frames_key(row.step, row.group)
            member = _ROW.pack(row.start, row.calls, row.errors, row.total) + row.packed
            pipeline.zremrangebyscore(key, row.start, row.start)
            pipeline.zadd(key, {member: row.start})
            pipeline.sadd(self._key(f"groups:{row.step}"), row.group)
        for name, document in batch.documents.items():
            pipeline.hset(self._key("documents"), name, json.dumps(document))
        pipeline.hset(self._key("documents"), _SCHEMA, json.dumps(VERSION))
        for record in batch.records:
            # Without this, equal records would be one.
            number = os.urandom(4).hex()
            text = json.dumps([record.at, record.document, number])
            pipeline.zadd(self._key(f"records:{record.kind}"), {text: record.at})
            pipeline.sadd(self._key("kinds"), record.kind)
        for step, before in batch.expired_frames.items():
            for group in self._groups(step):
                pipeline.zremrangebyscore(self._frames_key(step, group), "-inf", f"({before}")
        if batch.expired_records is not None:
            for kind in self._reading.smembers(self._key("kinds")):
                key = self._key(f"records:{kind.decode()}")
                pipeline.zremrangebyscore(key, "-inf", f"({batch.expired_records}")
        for name, before in batch.expired_kinds.items():
            pipeline.zremrangebyscore(self._key(f"records:{name}"), "-inf", f"({before}")

    def size(self) -> int:
        """Return the memory that the frames take in the server, in bytes."""
        with self._faults():
            keys = list(self._reading.scan_iter(f"{self._prefix}frames:*", count=_BATCH))
            pipeline = self._reading.pipeline(transaction=False)
            for key in keys:
                pipeline.memory_usage(key)
            return sum(size or 0 for size in pipeline.execute())

    def series(self) -> list[StoredSeries]:
        """Return all series, ordered by number."""
        with self._faults():
            stored: dict[bytes, bytes] = self._reading.hgetall(self._key("series"))
            rows = ((int(number), *json.loads(text)) for number, text in stored.items())
            return series_of(sorted(rows))

    def frames(
        self, step: int, start: int, end: int, groups: Collection[int] | None = None
    ) -> list[FrameRow]:
        """Return the frames of one length that start in a period, ordered by start."""
        with self._faults():
            numbers = self._groups(step) if groups is None else sorted(groups)
            pipeline = self._reading.pipeline(transaction=False)
            for group in numbers:
                key = self._frames_key(step, group)
                pipeline.zrangebyscore(key, start, f"({end}")
            rows = [
                _frame_row(step, group, member)
                for group, members in zip(numbers, pipeline.execute(), strict=True)
                for member in members
            ]
        return sorted(rows, key=lambda row: (row.start, row.group))

    def span(self, step: int, start: int = 0) -> tuple[int, int] | None:
        """Return the starts of the first and last frame of a length; None if there are none."""
        with self._faults():
            pipeline = self._reading.pipeline(transaction=False)
            for group in self._groups(step):
                key = self._frames_key(step, group)
                pipeline.zrangebyscore(key, start, "+inf", start=0, num=1, withscores=True)
                pipeline.zrevrangebyscore(key, "+inf", start, start=0, num=1, withscores=True)
            starts = [int(score) for found in pipeline.execute() for _, score in found]
            return (min(starts), max(starts)) if starts else None

    def groups(self, step: int, start: int, end: int) -> list[int]:
        """Return the groups that have frames of a length starting in a period."""
        with self._faults():
            numbers = self._groups(step)
            pipeline = self._reading.pipeline(transaction=False)
            for group in numbers:
                pipeline.zcount(self._frames_key(step, group), start, f"({end}")
            counts = pipeline.execute()
            return [group for group, count in zip(numbers, counts, strict=True) if count]

    def document(self, name: str) -> Any:
        """Return a document; None if there is none."""
        with self._faults():
            text = self._reading.hget(self._key("documents"), name)
            return None if text is None else json.loads(text)

    def records(self, kind: str, start: float, end: float, most: int) -> list[Record]:
        """Return the latest records of a kind in a period, in order."""
        with self._faults():
            texts = self._reading.zrevrangebyscore(
                self._key(f"records:{kind}"), f"({end}", start, start=0, num=most
            )
            documents = [json.loads(text) for text in reversed(texts)]
            return [Record(kind, at, document) for at, document, _ in documents]

    def close(self) -> None:
        """Disconnect from the server; a forked child only drops its parent's connection."""
        writing, self._writing = self._writing, None
        if writing is not None and self._process == os.getpid():
            with self._faults():
                if writing.get(self._key("writer")) == self._connection_id(writing):
                    writing.delete(self._key("writer"))
                writing.close()

    def _groups(self, step: int) -> list[int]:
        members: set[bytes] = self._reading.smembers(self._key(f"groups:{step}"))
        return sorted(int(group) for group in members)

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _frames_key(self, step: int, group: int) -> str:
        return f"{self._prefix}frames:{step}:{group}"

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise StoreError(f"{self.name}: {str(error) or type(error).__name__}") from None
        except OSError as error:
            raise StoreError(f"{self.name}: {error.strerror or error}") from None
        except (ValueError, TypeError, struct.error) as error:
            raise StoreError(f"{self.name}: it is damaged: {error}") from None


def _frame_row(step: int, group: int, member: bytes) -> FrameRow:
    start, calls, errors, total = _ROW.unpack_from(member)
    return FrameRow(step, start, group, calls, errors, total, member[_ROW.size :])
