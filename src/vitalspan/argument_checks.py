"""Checks numbers and words that a program passes, with the same messages everywhere."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TypeGuard

from vitalspan.errors import ConfigurationError
from vitalspan.words import listed


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a number. True and False are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_whole(name: str, value: object, least: int = 1, most: int | None = None) -> None:
    """Check an integer.

    Args:
        name: its name in messages.
        value: the value.
        least: the minimum.
        most: the maximum; None for no limit.

    Raises:
        ConfigurationError: for anything else.
    """
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not least <= value <= (value if most is None else most):  # type: ignore[operator]
        wanted = f"from {least} up" if most is None else f"from {least} to {most}"
        raise ConfigurationError(f"{name}={value!r:.80}: use a whole number {wanted}")


def check_seconds(name: str, value: object, least: float, most: float, otherwise: str = "") -> None:
    """Check a number of seconds.

    Args:
        name: its name in messages.
        value: the value.
        least: the minimum.
        most: the maximum.
        otherwise: the end of the message, about other allowed values.

    Raises:
        ConfigurationError: for anything else.
    """
    if not is_number(value) or not least <= value <= most:
        wanted = f"use seconds from {least} to {most}{otherwise}"
        raise ConfigurationError(f"{name}={value!r:.80}: {wanted}")


def seconds_above_0(name: str, value: float) -> float:
    """Return a number of seconds that a thread can wait for.

    Args:
        name: its name in messages.
        value: the value.

    Raises:
        ConfigurationError: for anything that is not above 0.
    """
    if not is_number(value) or not 0 < value < threading.TIMEOUT_MAX:
        raise ConfigurationError(f"{name}={value!r:.80}: give seconds above 0")
    return float(value)


def check_word(name: str, value: object, words: Sequence[str]) -> None:
    """Check a word that has to be one of a few.

    Args:
        name: its name in messages.
        value: the value.
        words: the allowed words.

    Raises:
        ConfigurationError: for anything else.
    """
    if value not in words:
        wanted = listed([repr(word) for word in words], "or")
        raise ConfigurationError(f"{name}={value!r:.80}: use {wanted}")
