"""Reads JSON of a server that may be anything: values of unexpected types are ignored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from vitalspan.bridge.scrape.scrape_target import text_of
from vitalspan.http_client.client import HttpResponse

_LATEST: Final = 253_402_300_000.0
"""The last second of the year 9999, approximately."""


class Fields:
    """A JSON object.

    Args:
        value: the value, which only has fields if it is an object.
    """

    def __init__(self, value: object) -> None:
        self._values: Mapping[str, Any] = value if isinstance(value, dict) else {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def as_they_are(self) -> Mapping[str, Any]:
        """Return all fields, whatever their types are."""
        return self._values

    def has(self, name: str) -> bool:
        """Return whether a field exists."""
        return name in self._values

    def text(self, name: str) -> str:
        """Return a string; empty if there is none."""
        value = self._values.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """Return a finite number, or None."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None

    def moment(self, name: str) -> float | None:
        """Return Unix seconds within the range of dates, or None."""
        number = self.number(name)
        return number if number is not None and 0 <= number < _LATEST else None

    def object(self, name: str) -> Fields:
        """Return an object; empty if there is none."""
        return Fields(self._values.get(name))

    def objects(self, name: str) -> list[Fields]:
        """Return the objects in a list."""
        value = self._values.get(name)
        return [Fields(one) for one in value] if isinstance(value, list) else []

    def texts(self, name: str) -> list[str]:
        """Return the strings in a list."""
        value = self._values.get(name)
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def fields_of(answer: HttpResponse) -> Fields:
    """Return the JSON object in a response; for anything else, one without fields."""
    try:
        return Fields(json.loads(text_of(answer)))
    except (ValueError, RecursionError):
        return Fields(None)
