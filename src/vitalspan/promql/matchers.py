"""Label matchers of Prometheus."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Operator = Literal["=", "!=", "=~", "!~"]

_PREFIXES: Final[tuple[Operator, ...]] = ("=~", "!~", "!=", "=")

_NOT_RE2: Final = re.compile(
    r"(?<!\\)(?:\\\\)*(\(\?(?:[=!>#(]|<[=!]|P=|[a-zA-Z]*[xauL])|\\[1-9ZuUN]|[*+?}]\+)"
)
"""Syntax that Python's expressions have, but not Prometheus' RE2: lookaround, backreferences,
comments, verbose and other modes, possessive and atomic groups, `\\Z`."""


_POSIX_CLASS: Final = re.compile(r"\[\^?(?:[^\]\\]|\\.)*\[:\^?[a-z]+:\]")

MAX_REPEATS: Final = 1000

_REPEATS: Final = re.compile(r"(?<!\\)(?:\\\\)*\{(\d{1,9})(?:,(\d{0,9}))?\}")


@dataclass(frozen=True)
class Matcher:
    """A condition on one label.

    An absent label counts as empty, and expressions match the whole value, as in Prometheus.

    Raises:
        ValueError: for an expression that Prometheus would not accept.
    """

    label: str
    operator: Operator
    value: str
    _compiled: re.Pattern[str] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.operator in ("=~", "!~"):
            if _POSIX_CLASS.search(self.value):
                raise ValueError(
                    "POSIX classes such as [[:alpha:]] mean something else in Python: spell the "
                    "characters out, as in [a-zA-Z]"
                )
            foreign = _NOT_RE2.search(self.value)
            if foreign is not None:
                raise ValueError(f"{foreign.group(1)} is not possible in Prometheus (RE2 syntax)")
            repeats = (count for pair in _REPEATS.findall(self.value) for count in pair if count)
            if any(int(count) > MAX_REPEATS for count in repeats):
                raise ValueError(f"Prometheus repeats at most {MAX_REPEATS} times (RE2 syntax)")
            try:
                with warnings.catch_warnings():
                    # A nested set such as `[[:alpha:]]` has another meaning in RE2.
                    warnings.simplefilter("error", FutureWarning)
                    compiled = re.compile(self.value, re.DOTALL)
            except (re.error, OverflowError, RecursionError, FutureWarning) as mistake:
                raise ValueError(str(mistake)) from None
            object.__setattr__(self, "_compiled", compiled)

    def matches(self, value: str) -> bool:
        """Return whether the value of a label matches."""
        if self._compiled is not None:
            is_match = self._compiled.fullmatch(value) is not None
            return is_match if self.operator == "=~" else not is_match
        return (value == self.value) is (self.operator == "=")

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{quoted(self.value)}"


def parse_matcher(label: str, text: str) -> Matcher:
    """Return the matcher of `checkout`, `!=checkout`, `=~check.*` or `!~check.*`.

    Raises:
        ValueError: for an expression that Prometheus would not accept.
    """
    for operator in _PREFIXES:
        if text.startswith(operator):
            return Matcher(label, operator, text.removeprefix(operator))
    return Matcher(label, "=", text)


def match_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Return whether labels match all matchers."""
    return all(matcher.matches(labels.get(matcher.label, "")) for matcher in matchers)


def quoted(value: str) -> str:
    """Return a string literal of PromQL."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
