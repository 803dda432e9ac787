"""Converts Prometheus exemplars, whose labels lead to a trace, to OpenTelemetry's."""

from __future__ import annotations

import re
from typing import Any, Final

from vitalspan.bridge.otlp.model import Exemplar

_TRACE_ID: Final = re.compile(r"[0-9a-fA-F]{32}")
_SPAN_ID: Final = re.compile(r"[0-9a-fA-F]{16}")


def nanoseconds(moment: Any) -> int:
    """Return nanoseconds for Unix seconds, a number or a `Timestamp` of prometheus_client.

    Raises:
        ValueError: for a time before 1970 or after 2554, which OTLP cannot represent.
    """
    seconds = getattr(moment, "sec", None)
    try:
        if seconds is not None:
            time = int(seconds) * 1_000_000_000 + int(moment.nsec)
        else:
            time = round(float(moment) * 1e9)
    except OverflowError:
        time = -1
    if not 0 <= time < 1 << 64:
        raise ValueError(f"{moment!s:.80} is not a time in Unix seconds")
    return time


def to_exemplar(exemplar: Any, time: int) -> Exemplar:
    """Return an exemplar; invalid ids stay attributes.

    Args:
        exemplar: an object with labels, a value and a timestamp, which may be None.
        time: the time in nanoseconds for an exemplar without a timestamp.
    """
    labels = {str(name): str(value) for name, value in exemplar.labels.items()}
    trace_id = _taken_id(labels, "trace_id", _TRACE_ID)
    span_id = _taken_id(labels, "span_id", _SPAN_ID)
    at = time if exemplar.timestamp is None else nanoseconds(exemplar.timestamp)
    return Exemplar(float(exemplar.value), at, trace_id, span_id, tuple(sorted(labels.items())))


def _taken_id(labels: dict[str, str], name: str, form: re.Pattern[str]) -> bytes:
    """Remove an id from labels and return it; all zeros are not a valid id."""
    text = labels.get(name, "")
    if not form.fullmatch(text) or not text.strip("0"):
        return b""
    del labels[name]
    return bytes.fromhex(text)
