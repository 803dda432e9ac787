"""The protocol of a store, and what is written to one."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from vitalspan.store.frame import GROUP


class StoredSeries(NamedTuple):
    """A series that frames have a place for.

    Attributes:
        number: of the series in its store, from 0.
        kind: `operation`, `cache`, `api` or `slo`.
        labels: what tells it from others of its kind.
    """

    number: int
    kind: str
    labels: Mapping[str, str]

    @property
    def group(self) -> int:
        """The group that its frames belong to."""
        return self.number // GROUP

    @property
    def place(self) -> int:
        """Its place in the group."""
        return self.number % GROUP


class FrameRow(NamedTuple):
    """A frame as it is stored.

    Attributes:
        step: its length in seconds.
        start: when it begins, in seconds since the Unix epoch.
        group: of the series.
        calls: those of all its series.
        errors: those that failed.
        total: the sum of their durations in seconds.
        packed: the frame itself.
    """

    step: int
    start: int
    group: int
    calls: int
    errors: int
    total: float
    packed: bytes


class Record(NamedTuple):
    """Something that happened once.

    Attributes:
        kind: `session`, `alert`, `health`, `report`, `start` or `mark`.
        at: in seconds since the Unix epoch.
        document: the rest, as JSON can say it.
    """

    kind: str
    at: float
    document: Mapping[str, Any]


@dataclass
class Batch:
    """A batch that is written at once, wholly or not at all.

    Attributes:
        series: new ones.
        frames: new ones, and some that replace others of the same step, start and group.
        documents: what is known at present, by name, in place of what was known before.
        records: new ones.
        expired_frames: for each step the time before which frames are forgotten.
        expired_records: the time before which records are forgotten.
        expired_kinds: for kinds that are forgotten sooner, the time before which they are.
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

    Every method raises `StoreError` where the database does not do it now. A later call may find it
    well again.
    """

    @property
    def name(self) -> str:
        """The name of the store for people, without a password."""
        ...

    def open(self) -> None:
        """Make or migrate the tables and become the one process that writes.

        Raises:
            NewerStoreError: where a newer version has made the tables.
            StoreInUseError: where another process writes.
        """
        ...

    def write(self, batch: Batch) -> None:
        """Write a batch, wholly or not at all."""
        ...

    def size(self) -> int:
        """Return the bytes that are in use."""
        ...

    def series(self) -> list[StoredSeries]:
        """Return every series, by number."""
        ...

    def frames(
        self, step: int, start: int, end: int, groups: Collection[int] | None = None
    ) -> list[FrameRow]:
        """Return frames of one length that begin from one time up to another, by their start.

        Args:
            step: their length in seconds.
            start: in seconds since the Unix epoch.
            end: the time before which they begin.
            groups: of the series; None returns those of all.
        """
        ...

    def span(self, step: int, start: int = 0) -> tuple[int, int] | None:
        """Return when the first and the last frame of a length begin; None without any.

        Args:
            step: their length in seconds.
            start: the time before which none begin that are asked about.
        """
        ...

    def groups(self, step: int, start: int, end: int) -> list[int]:
        """Return the groups that have frames of a length, from one time up to another."""
        ...

    def document(self, name: str) -> Any:
        """Return a document; None where there is none."""
        ...

    def records(self, kind: str, start: float, end: float, most: int) -> list[Record]:
        """Return the latest records of a kind from one time up to another, in their order.

        Args:
            kind: of the records.
            start: in seconds since the Unix epoch.
            end: the time before which they were.
            most: how many at most.
        """
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as text that is the same for the same labels."""
    return json.dumps(dict(labels), sort_keys=True)
