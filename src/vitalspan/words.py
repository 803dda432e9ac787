"""Words for people: lists, counts, durations, values and suggestions in messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

_PERIODS: Final = (
    ("day", 86_400_000),
    ("hour", 3_600_000),
    ("minute", 60_000),
    ("second", 1000),
    ("millisecond", 1),
)
_MAX_SHOWN: Final = 60
"""The maximum number of characters of a value in a message."""


def listed(texts: Sequence[str], conjunction: str = "and") -> str:
    """Return texts as part of a sentence: `a, b and c`."""
    *others, last = texts or ("",)
    return f"{', '.join(others)} {conjunction} {last}" if others else last


def counted(count: int, noun: str) -> str:
    """Return a number of things: `1 rule`, `3 rules`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration_words(seconds: float) -> str:
    """Return a duration in words: `1 hour 30 minutes`, `500 milliseconds`."""
    rest = round(seconds * 1000)
    parts = []
    for noun, size in _PERIODS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(counted(count, noun))
    return " ".join(parts) or "0 seconds"


def shown(value: object) -> str:
    """Return a quoted value for messages, cut if it is long."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def one_line(text: str) -> str:
    """Return a text as a single line, with line breaks and terminal control characters escaped."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def nearest(name: str, names: Collection[str]) -> str | None:
    """Return the known name that is most similar to an unknown one; None if none is similar."""
    import difflib  # noqa: PLC0415 - needed for mistakes alone

    return next(iter(difflib.get_close_matches(name, sorted(names), n=1)), None)


def suggestion(name: str, names: Collection[str]) -> str:
    """Return what to write instead of an unknown name: the nearest known one, or all of them."""
    similar = nearest(name, names)
    similar = similar or next((one for one in names if name and name in one.split("_")), None)
    return did_you_mean(similar) if similar else f"there are {', '.join(names)}"


def hint(name: str, names: Collection[str]) -> str:
    """Return the end of a message that suggests a similar name; empty if none is similar."""
    similar = nearest(name, names)
    return f": {did_you_mean(similar)}" if similar else ""


def did_you_mean(name: str) -> str:
    """Return the question that suggests a name."""
    return f"did you mean {name}?"
