"""The protocol of stores, and the data that is written to them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from vitalspan.store.frame import GROUP


class StoredSeries(NamedTuple):
    """A series that has a place in frames.

    Attributes:
        number: the number of the series in its store, from 0.
        kind: `operation`, `cache`, `api`, `model` or `slo`.
        labels: the labels that identify it within its kind.
    """

    number: int
    kind: str
    labels: Mapping[str, str]

    @property
    def group(self) -> int:
        """The group of its frames."""
        return self.number // GROUP

    @property
    def place(self) -> int:
        """Its place in the group."""
        return self.number % GROUP


class FrameRow(NamedTuple):
    """A frame in a store.

    Attributes:
        step: its length in seconds.
        start: the start in seconds since the Unix epoch.
        group: the group of the series.
        calls: the calls of all its series.
        errors: the failed calls.
        total: the sum of their durations in seconds.
        packed: the packed frame.
    """

    step: int
    start: int
    group: int
    calls: int
    errors: int
    total: float
    packed: bytes


class Record(NamedTuple):
    """A single event.

    Attributes:
        kind: `session`, `alert`, `health`, `report`, `start` or `mark`.
        at: the time in seconds since the Unix epoch.
        document: the rest, as a document for JSON.
    """

    kind: str
    at: float
    document: Mapping[str, Any]


@dataclass
class Batch:
    """A batch that is written in one transaction.

    Attributes:
        series: new series.
        frames: new frames, and some that replace others with the same step, start and group.
        documents: the current documents by name, which replace the earlier ones.
        records: new records.
        expired_frames: for each step, the time before which frames are deleted.
        expired_records: the time before which records are deleted.
        expired_kinds: for kinds that are deleted sooner, the time before which they are deleted.
    """

    series: list[StoredSeries] = field(default_factory=list)
    frames: list[FrameRow] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    expired_frames: dict[int, float] = field(default_factory=dict)
    expired_records: float | None = None
    expired_kinds: dict[str, float] = field(default_factory=dict)


class Store(Protocol):
    """A database that keeps series, frames, documents and records.

    All methods raise `StoreError` if the database does not work at the moment. It may work again at
    a later call.
    """

    @property
    def name(self) -> str:
        """The name of the store for people, without a password."""

    def open(self) -> None:
        """Create or migrate the tables, and become the one process that writes.

        Raises:
            NewerStoreError: if a newer version has made the tables.
            StoreInUseError: if another process writes.
        """

    def write(self, batch: Batch) -> None:
        """Write a batch, wholly or not at all."""

    def size(self) -> int:
        """Return the size in bytes."""

    def series(self) -> list[StoredSeries]:
        """Return all series, ordered by number."""

    def frames(
        self, step: int, start: int, end: int, groups: Collection[int] | None = None
    ) -> list[FrameRow]:
        """Return the frames of one length that start in a period, ordered by start.

        Args:
            step: the length in seconds.
            start: the start of the period, in seconds since the Unix epoch.
            end: the end of the period, exclusive.
            groups: the groups of series; None for all.
        """

    def span(self, step: int, start: int = 0) -> tuple[int, int] | None:
        """Return the starts of the first and last frame of a length; None if there are none.

        Args:
            step: the length in seconds.
            start: frames that start before this are ignored.
        """

    def groups(self, step: int, start: int, end: int) -> list[int]:
        """Return the groups that have frames of a length starting in a period."""

    def document(self, name: str) -> Any:
        """Return a document; None if there is none."""

    def records(self, kind: str, start: float, end: float, most: int) -> list[Record]:
        """Return the latest records of a kind in a period, in order.

        Args:
            kind: the kind of the records.
            start: the start of the period, in seconds since the Unix epoch.
            end: the end of the period, exclusive.
            most: the maximum number of records.
        """

    def close(self) -> None:
        """Close the connection to the database."""


def series_of(rows: Iterable[Sequence[Any]]) -> list[StoredSeries]:
    """Return series from their numbers, their kinds and the texts of their labels.

    Raises:
        ValueError: for a text that is not from `labels_text`.
    """
    every = list(rows)
    # One call takes a fifth of the time that a call for each series takes.
    labels = json.loads(f"[{','.join([text for _, _, text in every])}]")
    return [
        StoredSeries(number, kind, one)
        for (number, kind, _), one in zip(every, labels, strict=True)
    ]


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as text that is equal for equal labels."""
    return json.dumps(dict(labels), sort_keys=True)
