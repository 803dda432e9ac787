"""Parameters of requests to the JSON API: what they may be, and how they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from vitalspan.history.ticks import LONGEST
from vitalspan.words import suggestion

MAX_QUERY: Final = 4096
"""The maximum length of a query string in characters."""

MAX_TEXT: Final = 1024
"""The maximum length of a string parameter in characters."""


class BadRequestError(Exception):
    """A request that cannot be answered; the message says what to change."""


@dataclass(frozen=True)
class Parameter:
    """A query parameter.

    Attributes:
        name: the name in the query string.
        description: a description for people.
        default: the default value.
        required: whether it is required.
        choices: the allowed strings; any string if there are none.
    """

    name: str
    description: str
    default: str | None = None
    required: bool = False
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> Any:
        """Return the value of a string.

        Raises:
            BadRequestError: for an invalid string.
        """
        if len(text) > MAX_TEXT:
            raise BadRequestError(f"{self.name}: use at most {MAX_TEXT} characters")
        if self.choices and text not in self.choices:
            raise BadRequestError(f"{self.name}={text!r:.80}: use {', '.join(self.choices)}")
        return text

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of its values."""
        schema: dict[str, Any] = {"type": "string", "maxLength": MAX_TEXT}
        if self.choices:
            schema["enum"] = list(self.choices)
        if self.default is not None:
            schema["default"] = self.default
        return schema


@dataclass(frozen=True)
class NumberParameter(Parameter):
    """A query parameter that is a number.

    Attributes:
        least: the minimum.
        most: the maximum.
        whole: whether it is an integer.
    """

    least: float = 0.0
    most: float = math.inf
    whole: bool = False

    def parse(self, text: str) -> Any:
        """Return the number of a string.

        Raises:
            BadRequestError: for an invalid number, or one out of bounds.
        """
        kind = "a whole number" if self.whole else "a number"
        try:
            # Longer numbers are invalid anyway, and would take long to parse.
            number: float = (int if self.whole else float)(text[:64])
        except ValueError:
            number = math.nan
        if not self.least <= number <= self.most:
            raise BadRequestError(
                f"{self.name}={text!r:.80}: use {kind} from {self.least:.12g} to {self.most:.12g}"
            )
        return number

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of its values."""
        kind = "integer" if self.whole else "number"
        schema: dict[str, Any] = {"type": kind, "minimum": self.least, "maximum": self.most}
        if self.default is not None:
            schema["default"] = self.parse(self.default)
        return schema


RANGE: Final = NumberParameter(
    "range", "Seconds of the past, up to now.", default="3600", least=1, most=LONGEST
)
STEP: Final = NumberParameter(
    "step",
    "Seconds between two points of a chart. By default a round number that makes about 60 points; "
    "there are never more than 500.",
    least=1,
    most=LONGEST,
)
OPERATION: Final = Parameter("operation", "The name of an operation.")
COMPONENT: Final = Parameter("component", "The name of a component.")


def parse_query(query: str, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the values of the parameters in a query string; None for those that are absent.

    Raises:
        BadRequestError: for a parameter that is unknown, duplicated, or has an invalid value.
    """
    if len(query) > MAX_QUERY:
        raise BadRequestError(f"the query string: use at most {MAX_QUERY} characters")
    known = {parameter.name: parameter for parameter in parameters}
    given: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=32, errors="strict")
    except ValueError:
        raise BadRequestError("the query string: use at most 32 fields, in UTF-8") from None
    for name, text in pairs:
        if name not in known:
            raise BadRequestError(f"there is no parameter {_hint(name, known)}")
        if name in given:
            raise BadRequestError(f"{name}: give it once")
        given[name] = text
    return {name: _value(parameter, given) for name, parameter in known.items()}


def _value(parameter: Parameter, given: Mapping[str, str]) -> Any:
    text = given.get(parameter.name, parameter.default)
    if text is None:
        if parameter.required:
            raise BadRequestError(f"{parameter.name}: this parameter is needed")
        return None
    return parameter.parse(text)


def _hint(name: str, known: Mapping[str, Parameter]) -> str:
    if not known:
        return f"{name!r:.80}: this path takes none"
    return f"{name!r:.80}: {suggestion(name, sorted(known))}"
