"""Checks label names when they are declared; label values may be anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.metrics import RESERVED_LABELS

MAX_VALUE_LENGTH: Final = 256
"""The maximum length of a label value in characters; longer ones are cut."""

MAX_LABELS: Final = 16
"""The maximum number of labels that one operation can declare."""

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

Labels = tuple[tuple[str, str], ...]
"""Label names and values, sorted by name."""


def value_text(value: object) -> str:
    """Return any object as a label value: valid UTF-8 of at most `MAX_VALUE_LENGTH` characters.

    If an object cannot be turned into text, the value is the name of its type.
    """
    if type(value) is not str:
        try:
            # The text may be an instance of a subclass with its own methods.
            value = str.__str__(str(value))
        except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
            value = f"<unprintable {type(value).__qualname__}>"
    text = value[:MAX_VALUE_LENGTH]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def check_name(name: str, what: str) -> None:
    """Raise ConfigurationError unless `name` can be the name of a label or a measure."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.startswith("__"):
        raise ConfigurationError(
            f"{what} {name!r:.80} is not a valid name: use letters, digits and underscores, and "
            "begin with neither a digit nor two underscores"
        )


def declared(labels: Mapping[str, object] | None) -> Labels:
    """Return declared labels, sorted by name and with valid values.

    A label with an empty value is left out, which is the same to Prometheus.

    Raises:
        ConfigurationError: for a name that Prometheus or vitalspan does not allow, or too many.
    """
    if not labels:
        return ()
    if type(labels) is not dict and not isinstance(labels, Mapping):
        raise ConfigurationError(f"labels={labels!r:.80}: use a mapping of names to values")
    if len(labels) > MAX_LABELS:
        raise ConfigurationError(
            f"{len(labels)} labels are too many for one operation: use at most {MAX_LABELS}, and "
            "attributes for what only the span needs"
        )
    texts = []
    for name, value in labels.items():
        if name not in _checked:
            check_label(name)
        text = value_text(value)
        if text:
            texts.append((name, text))
    return tuple(sorted(texts))


_checked: set[str] = set()
"""Valid label names, because blocks declare the same few again and again."""

_MAX_CHECKED: Final = 1000


def check_label(name: str) -> None:
    """Raise ConfigurationError unless `name` can be the name of a declared label."""
    if name in _checked:
        return
    check_name(name, "label")
    if name in RESERVED_LABELS:
        raise ConfigurationError(
            f"the label {name!r} is set by vitalspan or by Prometheus: choose another name"
        )
    if len(_checked) < _MAX_CHECKED:
        _checked.add(name)


def label_text(labels: Labels) -> str:
    """Return labels in the syntax of the exposition formats, without braces."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
