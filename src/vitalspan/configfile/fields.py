"""Reads the fields of a mapping, and reports their mistakes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

from vitalspan.configfile import values
from vitalspan.configfile.nodes import Entries, Items, Node, Place, is_nothing
from vitalspan.configfile.report import Report
from vitalspan.units import Unit, example
from vitalspan.words import did_you_mean, listed, shown, suggestion

Default = TypeVar("Default", float, None)


class Fields:
    """The fields of one mapping. A field without a value counts as a mapping without fields.

    Args:
        node: the mapping.
        known: the allowed fields; None allows any name.
        report: receives the mistakes.
        usable: an example of a valid mapping.
        hints: what to say about names that people expect here.
    """

    def __init__(
        self,
        node: Node,
        known: Collection[str] | None,
        report: Report,
        *,
        usable: str,
        hints: Mapping[str, str] | None = None,
    ) -> None:
        self.place = node.place
        self.report = report
        self._entries = node.fields if isinstance(node, Entries) else {}
        self._is_mapping = isinstance(node, Entries) or is_nothing(node)
        if not self._is_mapping:
            self.wrong(f"{report.shown(node)} is not a mapping: use {usable}")
        self._misspelled: set[str] = set()
        for name, entry in self._entries.items():
            if known is not None and name not in known:
                hint = (hints or {}).get(name) or suggestion(name, known)
                report.wrong(entry.key, f"unknown field {shown(name)}: {hint}")
                self._misspelled.update(other for other in known if hint == did_you_mean(other))

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[tuple[str, Place, Node]]:
        """Iterate over the fields: name, place of the name, value."""
        return ((name, *entry) for name, entry in self._entries.items())

    def get(self, name: str) -> Node | None:
        """Return the value of a field; None without the field."""
        entry = self._entries.get(name)
        return None if entry is None else entry.value

    def key(self, name: str) -> Place:
        """Return the place of a field's name; without the field, the place of the mapping."""
        return self._entries[name].key if name in self._entries else self.place

    def wrong(self, problem: str, name: str = "") -> None:
        """Report a problem with the mapping, or with one of its fields; an empty one is none."""
        self.report.wrong(self.key(name) if name else self.place, problem)

    def missing(self, name: str | tuple[str, ...], usable: str) -> None:
        """Report that a required field, or one of several, is missing.

        Nothing is reported if the field is there but misspelled, or if there is no mapping at all:
        both are already reported.
        """
        names = (name,) if isinstance(name, str) else name
        if self._is_mapping and self._misspelled.isdisjoint(names):
            self.wrong(f"{listed(names, 'or')} is missing: {usable}")

    def required(self, field: str, usable: str) -> Node | None:
        """Return the value of a field that must be there; `usable` says what to do without it."""
        if field not in self:
            self.missing(field, usable)
        return self.get(field)

    def text(self, field: str, usable: str) -> str | None:
        """Return a text; None without the field."""
        node = self.get(field)
        return None if node is None else values.text_of(node, usable, self.report)

    def name(self, field: str, usable: str) -> str | None:
        """Return a required name."""
        node = self.required(field, f"add {usable}")
        return None if node is None else values.name_of(node, usable, self.report)

    def seconds(self, field: str, default: Default, *, zero: str = "") -> float | Default:
        """Return a duration in seconds; `zero` is the message for a duration of 0."""
        node = self.get(field)
        seconds = None if node is None else values.seconds_of(node, self.report, zero=zero)
        return default if seconds is None else seconds

    def value(self, field: str, unit: Unit) -> float | None:
        """Return a required value in a unit."""
        node = self.required(field, f"add a value such as {example(unit)}")
        return None if node is None else values.value_of(node, unit, self.report)

    def number(self, field: str, usable: str, least: float, most: float) -> float | None:
        """Return a plain number between two others, None without the field."""
        node = self.get(field)
        return None if node is None else values.number_of(node, usable, self.report, least, most)

    def whole_number(self, field: str, usable: str, default: int = 0) -> int:
        """Return a whole number."""
        node = self.get(field)
        number = None if node is None else values.whole_number_of(node, usable, self.report)
        return default if number is None else number

    def choice(self, field: str, allowed: Collection[str]) -> str | None:
        """Return one of some words, None without the field."""
        node = self.get(field)
        return None if node is None else values.choice_of(node, allowed, self.report)

    def flag(self, field: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        node = self.get(field)
        flag = None if node is None else values.flag_of(node, self.report)
        return default if flag is None else flag

    def items_of(self, field: str, usable: str) -> tuple[Node, ...]:
        """Return the items of a list; none without the field, or without a value."""
        node = self.get(field)
        if isinstance(node, Items):
            return node.items
        if node is not None and not is_nothing(node):
            self.report.wrong(node.place, f"{self.report.shown(node)} is not a list: use {usable}")
        return ()

    def texts(self, field: str, usable: str, each: str) -> list[str]:
        """Return a list of texts; `each` is an example of one."""
        texts = (values.text_of(one, each, self.report) for one in self.items_of(field, usable))
        return [text for text in texts if text is not None]

    def mapping(self, field: str, names: Collection[str] | None, usable: str) -> Fields | None:
        """Return the mapping in a field; None without the field."""
        node = self.get(field)
        return None if node is None else Fields(node, names, self.report, usable=usable)

    def entries_of(self, field: str, usable: str) -> Iterator[tuple[str, Place, Node]]:
        """Iterate over the mapping in a field, which may have any names."""
        return iter(self.mapping(field, None, usable) or ())
