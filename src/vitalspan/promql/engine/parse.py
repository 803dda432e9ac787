"""Parses PromQL with promql-parser, and refuses what the evaluator does not support."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from vitalspan.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    import promql_parser

MAX_LENGTH: Final = 20_000
"""The maximum length of an expression in characters."""

_STRING: Final = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`', re.DOTALL)
_COMMENT: Final = re.compile(r"#[^\n]*")
_EXTENDED: Final = re.compile(r"(?<=[\]\w)]) *\b(smoothed|anchored)\b(?! *[({=])", re.IGNORECASE)
_NEGATIVE_AT: Final = re.compile(r"@\s*-")
_ARITHMETIC_OF_DURATIONS: Final = re.compile(
    r"\[[^\]]*[-+*/%^(][^\]]*\]|\boffset\s*[-+]?\s*(?:\(|(?:step|range|min_of|max_of)\s*\()",
    re.IGNORECASE,
)
_TRIM: Final = re.compile(r"</|>/")


class PromqlError(ConfigurationError):
    """An expression that cannot be parsed, or that the evaluator does not support."""


def parse(text: str) -> promql_parser.Expr:
    """Return the syntax tree of an expression.

    Raises:
        PromqlError: for invalid or unsupported PromQL; the message says which.
        MissingExtraError: if promql-parser is not installed.
    """
    try:
        import promql_parser  # noqa: PLC0415 - few programs have it
    except ImportError:
        raise MissingExtraError("PromQL", "promql") from None
    if len(text) > MAX_LENGTH:
        raise PromqlError(f"is too long: use at most {MAX_LENGTH} characters")
    bare = _COMMENT.sub("", _STRING.sub('""', text))
    _refuse_experimental(bare)
    try:
        return promql_parser.parse(text)
    except ValueError as mistake:
        raise PromqlError(f"is not PromQL: {mistake}") from None
    except BaseException as fault:
        # The parser is written in Rust, and its panics are not instances of Exception.
        if type(fault).__name__ != "PanicException":
            raise
        raise PromqlError("is not PromQL: it cannot be parsed") from None


def _refuse_experimental(bare: str) -> None:
    """Refuse syntax that the parser does not support, with messages that explain it."""
    extended = _EXTENDED.search(bare)
    if extended is not None:
        raise PromqlError(
            f"{extended.group(1)} is experimental in Prometheus, and not supported: leave it out"
        )
    if _NEGATIVE_AT.search(bare):
        raise PromqlError("@ before 1970 is not supported: use a later time")
    if _TRIM.search(bare):
        raise PromqlError(
            "</ and >/, which cut native histograms, are not supported: use histogram_fraction"
        )
    if _ARITHMETIC_OF_DURATIONS.search(bare):
        raise PromqlError(
            "arithmetic in durations is experimental in Prometheus, and not supported: "
            "write the duration out, such as [30m]"
        )


def kind_of(node: Any) -> str:
    """Return the class name of a syntax tree, without looking inside."""
    return type(node).__name__
