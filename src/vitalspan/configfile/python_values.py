"""Converts Python values to nodes, so that they are checked in the same way as a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import count
from numbers import Integral, Real

from vitalspan.configfile.nodes import (
    MAX_DEPTH,
    Content,
    Entries,
    Entry,
    Items,
    Node,
    Place,
    Scalar,
)
from vitalspan.configfile.report import Report
from vitalspan.words import shown


def from_python(value: object, root: str, report: Report) -> Node:
    """Return a Python value as nodes, each with a path such as `groups[0].rules`.

    Args:
        value: mappings, sequences, texts, numbers and booleans.
        root: the name of the outermost value in messages.
        report: receives the values that no file could have.
    """
    return _Converter(report).node(value, root, "", 0)


class _Converter:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._numbers = count(1)

    def node(self, value: object, name: str, path: str, depth: int) -> Node:
        place = Place(path or name, next(self._numbers))
        if depth > MAX_DEPTH:
            self._report.unusable(place, f"is nested too deeply: use at most {MAX_DEPTH} levels")
        elif isinstance(value, Mapping):
            return Entries(place, self._fields(value, place, path, depth + 1))
        elif isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
            items = enumerate(value)
            return Items(
                place,
                tuple(self.node(x, name, f"{path or name}[{i}]", depth + 1) for i, x in items),
            )
        else:
            return Scalar(place, self._content(value, place))
        return Scalar(place, None)

    def _fields(
        self, value: Mapping[object, object], place: Place, path: str, depth: int
    ) -> dict[str, Entry]:
        fields = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                self._report.wrong(place, f"{shown(key)} is not a name: use a text")
                continue
            name = self._report.encodable(str(key), place)
            node = self.node(inner, name, f"{path}.{name}" if path else name, depth)
            fields[name] = Entry(node.place, node)
        return fields

    def _content(self, value: object, place: Place) -> Content:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._report.encodable(str(value), place)
        if isinstance(value, (Real, Decimal)):
            return _number(value)
        problem = f"a value of type {type(value).__name__} cannot be here: use a text or a number"
        self._report.unusable(place, problem)
        return None


def _number(value: Real | Decimal) -> float:
    try:
        number = float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        # A signalling NaN of the decimal module.
        return math.nan
    return int(value) if isinstance(value, Integral) else number
