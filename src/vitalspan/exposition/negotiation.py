"""Content negotiation by `Accept` and `Accept-Encoding` headers (RFC 9110, 12.5).

The headers come from the network: whatever they contain, nothing here raises, and nothing of them
is repeated in a response except words that this module knows.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from vitalspan.exposition.escaping import ESCAPINGS, UNDERSCORES
from vitalspan.exposition.formats import Format

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# This allows more than RFC 9110: Java's clients send `q=.2`, and others more than three digits.
_QUALITY = re.compile(r"[01]|[01]?\.[0-9]{1,9}|[01]\.")

_PREFERENCE: Final = (
    Format.TEXT_0_0_4,
    Format.OPENMETRICS_1_0_0,
    Format.TEXT_1_0_0,
    Format.PROTOBUF,
    Format.OPENMETRICS_2_0_0,
)
"""The formats by preference if the scraper has none: browsers and curl get plain text."""

_SPELLED_OUT: Final = {Format.TEXT_1_0_0, Format.PROTOBUF, Format.OPENMETRICS_2_0_0}
"""The formats that are only sent to scrapers that name everything in the content type."""


class Choice(NamedTuple):
    """The representation for the response to a request."""

    format: Format
    escaping: str

    @property
    def content_type(self) -> str:
        """The `Content-Type`, with the escaping if the format has one."""
        if self.format is Format.TEXT_0_0_4:
            return self.format.content_type
        return f"{self.format.content_type}; escaping={self.escaping}"


FALLBACK: Final = Choice(Format.TEXT_0_0_4, UNDERSCORES)
"""Every scraper understands this; sent instead of a 406 if nothing is acceptable."""


class _Weighted(NamedTuple):
    """An element of a header, with its parameters and its quality."""

    name: str
    parameters: dict[str, str]
    quality: float


class _Rank(NamedTuple):
    """The rank of a format for a request; the greatest one wins."""

    quality: float
    specificity: int


def negotiate(accept: str | None) -> Choice:
    """Choose the format and the escaping of names for an `Accept` header.

    Each format has the quality of the most specific range that matches it; 0 excludes it. The
    highest quality wins, then the more specific range, then plain text. `text/plain` 1.0.0,
    OpenMetrics 2.0.0 and protobuf are only sent to scrapers that name the version, or the message
    and its encoding. Malformed elements are skipped.

    Args:
        accept: the value of the header, several headers joined with commas; None without one.
    """
    ranges = _elements(accept)
    best, best_rank = FALLBACK, _Rank(0.0, 0)
    for candidate in _PREFERENCE:
        matching = [
            (_Rank(entry.quality, specificity), entry)
            for entry in ranges
            if (specificity := _specificity(entry, candidate))
        ]
        if not matching:
            continue
        rank, entry = max(matching, key=lambda match: (match[0].specificity, match[0].quality))
        if rank.quality > 0 and rank > best_rank:
            best, best_rank = Choice(candidate, _escaping(entry, candidate)), rank
    return best


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Return whether a scraper prefers a gzip body, or likes it as much as a plain one.

    Args:
        accept_encoding: the value of the `Accept-Encoding` header; None without one.
    """
    qualities: dict[str, float] = {}
    for entry in _elements(accept_encoding):
        name = "gzip" if entry.name == "x-gzip" else entry.name
        qualities[name] = max(entry.quality, qualities.get(name, 0.0))
    gzip = qualities.get("gzip", qualities.get("*", 0.0))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)


def _specificity(entry: _Weighted, candidate: Format) -> int:
    """Return how specific a media range is: 0 if it does not match, 4 if it names the version."""
    media_type, parameters = _description(candidate)
    if entry.name == media_type:
        values = {key: entry.parameters.get(key) for key in parameters}
        if candidate not in _SPELLED_OUT and not any(values.values()):
            return 3
        return 4 if values == parameters else 0
    if candidate in _SPELLED_OUT:
        return 0
    if entry.name == media_type.partition("/")[0] + "/*":
        return 2
    return 1 if entry.name == "*/*" else 0


def _description(candidate: Format) -> tuple[str, dict[str, str]]:
    """The media type of a format, and the parameters with which a scraper asks for it."""
    media_type, *parameters = candidate.content_type.lower().split("; ")
    pairs = (parameter.partition("=") for parameter in parameters)
    return media_type, {key: value for key, _, value in pairs if key != "charset"}


def _escaping(entry: _Weighted, candidate: Format) -> str:
    escaping = entry.parameters.get("escaping", UNDERSCORES)
    if candidate is Format.TEXT_0_0_4 or escaping not in ESCAPINGS:
        return UNDERSCORES
    return escaping


def _elements(header: str | None) -> list[_Weighted]:
    """The well-formed elements of a list header."""
    parsed = (_element(text) for text in _split(header or "", ","))
    return [element for element in parsed if element is not None]


def _element(text: str) -> _Weighted | None:
    name, *rest = _split(text, ";")
    name = name.strip().lower()
    if not all(_TOKEN.fullmatch(part) for part in name.split("/", 1)):
        return None
    parameters: dict[str, str] = {}
    for parameter in rest:
        key, equals, value = parameter.partition("=")
        if equals:
            parameters.setdefault(key.strip().lower(), _unquoted(value.strip()).lower())
    quality = parameters.get("q", "1")
    if not _QUALITY.fullmatch(quality) or float(quality) > 1:
        return None
    return _Weighted(name, parameters, float(quality))


def _split(text: str, separator: str) -> list[str]:
    """Split at separators that are not in quoted strings."""
    if '"' not in text:
        return text.split(separator)
    parts, start, quoted, escaped = [], 0, False, False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
