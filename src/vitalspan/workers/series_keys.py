"""The encoded keys of series: component, operation and labels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from zlib import compress, decompress

from vitalspan.labels import Labels
from vitalspan.workers.state_file import decoding


def encode_key(component: str, operation: str, labels: Labels) -> bytes:
    """Return the key of a series: its names and labels as JSON, without a line break."""
    return json.dumps([component, operation, labels], separators=(",", ":")).encode()


def decode_key(key: bytes) -> tuple[str, str, Labels]:
    """Return component, operation and labels of a series.

    Raises:
        UnreadableError: for a key that this version cannot read.
    """
    with decoding("the key of a series"):
        component, operation, labels = json.loads(key)
        return component, operation, tuple((name, value) for name, value in labels)


def encode_keys(keys: Iterable[bytes]) -> bytes:
    """Return the keys of all series, compressed."""
    return compress(b"\n".join(keys), 1)


def decode_keys(encoded: bytes) -> list[bytes]:
    """Return the keys from their compressed form.

    Raises:
        zlib.error: if they are damaged.
    """
    return decompress(encoded).split(b"\n") if encoded else []
