"""Attributes: their values as spans take them, and as they are kept for reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vitalspan.labels import MAX_VALUE_LENGTH, value_text

if TYPE_CHECKING:
    from vitalspan.runtime.internal_errors import InternalErrors

MAX_KEPT: Final = 32
"""Attributes of one call, and items of one value, that are kept for reading."""

MAX_ITEMS: Final = 10_000
"""Items of one value, on all its levels together, that a span is given."""

_DEEPEST: Final = 8
_WIDEST_INT: Final = 64
_PLAIN: Final = frozenset({bool, int, float, str, bytes, type(None)})


def span_attributes(
    attributes: Mapping[str, Any], internal_errors: InternalErrors
) -> dict[str, Any]:
    """Return attributes as OpenTelemetry takes them: objects become their text.

    An attribute that cannot be turned into text is left out and counted, and the others stay.

    Args:
        attributes: as they were given.
        internal_errors: counts what is left out.
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
        TypeError: for anything but a text that is not empty, which OpenTelemetry would refuse.
    """
    if not isinstance(key, str) or not key:
        raise TypeError("the key of an attribute is a text that is not empty")
    return value_text(key)


def note_left_out(internal_errors: InternalErrors, key: object, fault: Exception) -> None:
    """Count an attribute that cannot be set, and log the first of them."""
    internal_errors.note(
        "attribute",
        f"an attribute of a span is left out: setting {value_text(key)!r} raised "
        f"{type(fault).__name__}",
        trace=False,
    )


def span_value(value: Any) -> Any:
    """Return a value as OpenTelemetry takes it; what is no plain value becomes its text.

    Raises:
        ValueError: for one that holds more than `MAX_ITEMS` items on all its levels together.
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
            # An object that refers to itself by several ways would go on for hours.
            if next(room, None) is None:
                raise ValueError(f"the value has more than {MAX_ITEMS} items")
            key, inner = ("", item) if mapping is None else item
            converted = _converted(inner, room, depth + 1)
            items.append(converted if mapping is None else (str(key), converted))
        return tuple(items) if mapping is None else dict(items)
    return str.__str__(str(value))


def kept_value(value: Any) -> Any:
    """Return what is kept of a span's value for reading: bounded, and no object of the user's.

    Texts are cut to `MAX_VALUE_LENGTH` characters, sequences and mappings to `MAX_KEPT` items on
    all their levels together.
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
