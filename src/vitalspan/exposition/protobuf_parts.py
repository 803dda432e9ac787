"""Small messages that occur in several places: labels, timestamps and exemplars."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from vitalspan.exposition import protobuf_wire as wire
from vitalspan.exposition.points import Exemplar

_NANOSECONDS = 1_000_000_000


def label_pairs(number: int, labels: Iterable[tuple[str, str]]) -> bytes:
    """Return labels as `LabelPair` messages in the field with this number."""
    return b"".join(
        wire.message(number, wire.string(1, name) + wire.string(2, value)) for name, value in labels
    )


@lru_cache(maxsize=4096)
def timestamp_message(seconds: float) -> bytes:
    """Return seconds since the epoch as `google.protobuf.Timestamp`, to the microsecond."""
    # A float has no nanosecond precision in this century.
    whole, nanoseconds = divmod(round(seconds * 1e6) * 1000, _NANOSECONDS)
    return wire.uint(1, whole) + wire.uint(2, nanoseconds)


def exemplar_message(exemplar: Exemplar) -> bytes:
    """Return an exemplar, with its time if it has one."""
    content = label_pairs(1, exemplar.labels.items()) + wire.double(2, exemplar.value)
    if exemplar.timestamp is None:
        return content
    return content + wire.message(3, timestamp_message(exemplar.timestamp))
