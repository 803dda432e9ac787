"""Attributes: their values for spans, and the copies that are kept for reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vitalspan.labels import MAX_VALUE_LENGTH, value_text

if TYPE_CHECKING:
    from vitalspan.runtime.internal_errors import InternalErrors

MAX_KEPT: Final = 32
"""The maximum number of attributes of a call, and of items of a value, to keep for reading."""

MAX_ITEMS: Final = 10_000
"""The maximum number of items in a span attribute, on all levels together."""

_DEEPEST: Final = 8
_WIDEST_INT: Final = 64
_PLAIN: Final = frozenset({bool, int, float, str, bytes, type(None)})


def span_attributes(
    attributes: Mapping[str, Any], internal_errors: InternalErrors
) -> dict[str, Any]:
    """Return attributes that OpenTelemetry accepts: objects become their text.

    An attribute that cannot be turned into text is left out and counted.

    Args:
        attributes: the attributes as they were given.
        internal_errors: counts the attributes that are left out.
    """
    converted: dict[str, Any] = {}
    for key, value in attributes.items():
        try:
            converted[attribute_key(key)] = span_value(value)
        except Exception as fault:  # noqa: BLE001 - a user's object may raise anything
            note_left_out(internal_errors, key, fault)
    return converted


def attribute_key(key: object) -> str:
    """Return the key of an attribute.

    Raises:
        TypeError: if the key is not a string or is empty, which OpenTelemetry would refuse.
    """
    if not isinstance(key, str) or not key:
        raise TypeError("the key of an attribute has to be a string, and not empty")
    return value_text(key)


def note_left_out(internal_errors: InternalErrors, key: object, fault: Exception) -> None:
    """Count an attribute that cannot be set, and log the first one."""
    internal_errors.note(
        "attribute",
        f"an attribute of a span is left out: setting {value_text(key)!r} raised "
        f"{type(fault).__name__}",
        trace=False,
    )


def span_value(value: Any) -> Any:
    """Return a value that OpenTelemetry accepts; anything but a plain value becomes its text.

    Raises:
        ValueError: if it has more than `MAX_ITEMS` items on all levels together.
        Exception: whatever the value raises when it is turned into text.
    """
    return value if type(value) in _PLAIN else _converted(value, iter(range(MAX_ITEMS)), 0)


def _converted(value: Any, room: Iterator[int], depth: int) -> Any:
    if type(value) in _PLAIN or isinstance(value, (bool, int, float, bytes)):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if depth < _DEEPEST and isinstance(value, (Mapping, Sequence)):
        mapping = value if isinstance(value, Mapping) else None
        items: list[Any] = []
        for item in value if mapping is None else mapping.items():
            # An object that refers to itself in several ways would take hours.
            if next(room, None) is None:
                raise ValueError(f"the value has more than {MAX_ITEMS} items")
            key, inner = ("", item) if mapping is None else item
            converted = _converted(inner, room, depth + 1)
            items.append(converted if mapping is None else (str(key), converted))
        return tuple(items) if mapping is None else dict(items)
    return str.__str__(str(value))


def kept_value(value: Any) -> Any:
    """Return a bounded copy of a span attribute for reading, without any of the user's objects.

    Strings are cut to `MAX_VALUE_LENGTH` characters, sequences and mappings to `MAX_KEPT` items on
    all levels together.
    """
    return _copy(value, iter(range(MAX_KEPT)))


def _copy(value: Any, room: Iterator[int]) -> Any:
    if isinstance(value, (str, bytes)):
        return value[:MAX_VALUE_LENGTH]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _WIDEST_INT else f"<{value.bit_length()} bits>"
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        pairs = zip(value.items(), room, strict=False)
        return {key[:MAX_VALUE_LENGTH]: _copy(one, room) for (key, one), _ in pairs}
    return tuple(_copy(one, room) for one, _ in zip(value, room, strict=False))
