"""Reads the fields of a mapping; what is wrong with them goes to a report."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from vitalspan.rules.file import values
from vitalspan.rules.file.mistakes import Place, Report
from vitalspan.rules.file.nodes import Entries, Items, Node, Scalar, is_nothing, shown, shown_text
from vitalspan.signals.units import Unit, example


class Fields:
    """The fields of one mapping. Nothing in place of a mapping is one without fields.

    Args:
        node: what stands there.
        known: the fields that there are; None where any name will do.
        report: where mistakes go.
        usable: what would be a mapping.
        hints: what to say about fields that people expect here.
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
            self.wrong(f"{shown(node)} is not a mapping: use {usable}")
        self._meant: set[str] = set()
        for name, entry in self._entries.items():
            if known is not None and name not in known:
                hint = (hints or {}).get(name) or values.nearest(name, known)
                report.wrong(entry.key, f"unknown field {shown_text(name)}: {hint}")
                self._meant.update(other for other in known if hint == values.guess(other))

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def get(self, name: str) -> Node | None:
        """Return what stands there, None without the field."""
        entry = self._entries.get(name)
        return None if entry is None else entry.value

    def key(self, name: str) -> Place:
        """Return where the name of a field stands; the mapping's place without the field."""
        return self._entries[name].key if name in self._entries else self.place

    def wrong(self, problem: str, name: str = "") -> None:
        """Report the mapping, or one of its fields."""
        self.report.wrong(self.key(name) if name else self.place, problem)

    def missing(self, name: str, usable: str) -> None:
        """Report a field, or one of several, that must be there."""
        if not self.excuses(*name.split(" or ")):
            self.wrong(f"{name} is missing: {usable}")

    def excuses(self, *names: str) -> bool:
        """Whether one of some fields is here misspelled, or this is no mapping: both reported."""
        return not self._is_mapping or not self._meant.isdisjoint(names)

    def name(self, field: str, usable: str) -> str | None:
        """Return a text that must be there, fit to be a name."""
        node = self.get(field)
        if node is None:
            self.missing(field, f"add {usable}")
            return None
        return values.name_of(node, usable, self.report)

    def seconds(self, field: str, default: float, *, zero: str = "") -> float:
        """Return a duration in seconds; `zero` says why it cannot be 0."""
        node = self.get(field)
        found = None if node is None else values.seconds_of(node, self.report, zero=zero)
        return default if found is None else found

    def value(self, field: str, unit: Unit) -> float | None:
        """Return a value in a unit that must be there."""
        node = self.get(field)
        if node is None:
            self.missing(field, f"add a value such as {example(unit)}")
            return None
        return values.value_of(node, unit, self.report)

    def whole(self, field: str, usable: str) -> int:
        """Return a whole number, 0 without the field."""
        node = self.get(field)
        return 0 if node is None else values.whole_of(node, usable, self.report) or 0

    def choice(self, field: str, allowed: Collection[str], default: str) -> str:
        """Return one of some words."""
        node = self.get(field)
        return default if node is None else values.choice_of(node, allowed, self.report) or default

    def flag(self, field: str) -> bool:
        """Return whether a field says true; without it false."""
        node = self.get(field)
        if isinstance(node, Scalar) and isinstance(node.content, bool):
            return node.content
        return self.choice(field, ("true", "false"), "false") == "true"

    def items_of(self, field: str, usable: str) -> tuple[Node, ...]:
        """Return the entries of a list; none where there is nothing."""
        node = self.get(field)
        if isinstance(node, Items):
            return node.items
        if node is not None and not is_nothing(node):
            self.report.wrong(node.place, f"{shown(node)} is not a list: use {usable}")
        return ()

    def mapping(self, field: str, known: Collection[str] | None, usable: str) -> Fields | None:
        """Return the mapping under a field."""
        node = self.get(field)
        return None if node is None else Fields(node, known, self.report, usable=usable)

    def under(self, field: str, usable: str) -> Iterator[tuple[str, Place, Node]]:
        """Yield what a mapping under a field has: name, place of the name, value."""
        inner = self.mapping(field, None, usable)
        entries = {} if inner is None else inner._entries  # noqa: SLF001 - of the same class
        return ((name, *entry) for name, entry in entries.items())
