"""From the text of a YAML file to nodes: places kept, nothing interpreted, nothing constructed."""

from __future__ import annotations

from typing import Final

import yaml

from vitalspan.rules.file.mistakes import Place, Report
from vitalspan.rules.file.nodes import Entries, Entry, Items, Node, Scalar, encodable, shown_text

MAX_UNFOLDED: Final = 100_000
"""Values that aliases may add to those that stand in a file."""

_STANDARD: Final = "tag:yaml.org,2002:"
_KINDS: Final = ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
_KNOWN: Final = frozenset(_STANDARD + kind for kind in _KINDS)

_HINTS: Final = (
    ("scanning a tag", "put a text that begins with ! in quotes"),
    ("alias", "put a text that begins with * in quotes"),
    ("an anchor", "put a text that begins with & in quotes"),
    ("block scalar", "put a text that begins with > or | in quotes"),
    (r"'\t'", "use spaces in place of tabs"),
    ("cannot start", "put the text in quotes"),
    ("mapping values", "put a text with a colon in quotes, and check the indentation"),
    ("another document", "write one document in each file"),
    ("quoted scalar", "close the quotes"),
    ("flow", "put a text with braces, brackets or commas in quotes, and close every bracket"),
)
_TEMPLATE_HINT: Final = "put a text with {{ }} in quotes"
_GENERAL_HINT: Final = "check the indentation"


def read_document(text: str, report: Report) -> Node | None:
    """Return what a YAML text says, None for nothing or where it is no YAML."""
    try:
        # Not the loader in C: brackets without end would exhaust its stack and end the process.
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        problem = f"not valid YAML: {error.problem}: {_hint(error, text, line)}"
        report.wrong(report.at(line + 1, column + 1), problem)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = report.at(before.count("\n") + 1, error.position - before.rfind("\n"))
        character = error.character if isinstance(error.character, int) else 0
        report.wrong(place, f"the character U+{character:04X} cannot be in a file: leave it out")
    except RecursionError:
        report.wrong(report.at(1, 1), "is nested too deeply: close every bracket")
    else:
        return None if root is None else _Converter(report).convert(root)
    return None


def _hint(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    lines = text.splitlines()
    if line < len(lines) and "{{" in lines[line]:
        return _TEMPLATE_HINT
    said = f"{error.context} {error.problem}"
    return next((hint for words, hint in _HINTS if words in said), _GENERAL_HINT)


class _Unfolded(Exception):  # noqa: N818 - ends the conversion, never leaves the module
    """The aliases are too many, or lead back to themselves; the mistake is reported."""


class _Converter:
    """Converts each composed node once, however many aliases lead to it."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._done: dict[int, Node] = {}
        self._sizes: dict[int, int] = {}
        self._unfolded = 0

    def convert(self, root: yaml.Node) -> Node | None:
        try:
            return self._node(root)
        except _Unfolded:
            return None

    def _node(self, node: yaml.Node) -> Node:
        known = self._done.get(id(node))
        if known is not None:
            return self._again(node, known)
        place = self._place(node)
        if id(node) in self._sizes:
            self._report.wrong(place, "contains itself: write it without the alias")
            raise _Unfolded
        self._sizes[id(node)] = 0
        made = self._made(node, place)
        self._sizes[id(node)] = 1 + sum(self._sizes[id(part)] for part in _parts(node))
        self._done[id(node)] = made
        return made

    def _again(self, node: yaml.Node, made: Node) -> Node:
        self._unfolded += self._sizes[id(node)]
        if self._unfolded > MAX_UNFOLDED:
            problem = (
                f"aliases make more than {MAX_UNFOLDED} values: use fewer, this is one of them"
            )
            self._report.wrong(made.place, problem)
            raise _Unfolded
        return made

    def _made(self, node: yaml.Node, place: Place) -> Node:
        self._check_tag(node, place)
        if isinstance(node, yaml.SequenceNode):
            return Items(place, tuple(map(self._node, node.value)))
        if isinstance(node, yaml.MappingNode):
            return Entries(place, self._fields(node))
        style = node.style if isinstance(node, yaml.ScalarNode) else None
        if style is None and node.tag == f"{_STANDARD}null":
            return Scalar(place, None)
        return Scalar(place, encodable(str(node.value), place, self._report))

    def _fields(self, node: yaml.MappingNode) -> dict[str, Entry]:
        fields: dict[str, Entry] = {}
        inherited: dict[str, Entry] = {}
        for key, value in node.value:
            place = self._place(key)
            made = self._node(value)
            if key.tag == f"{_STANDARD}merge":
                for name, entry in self._merged(made).items():
                    inherited.setdefault(name, entry)
            else:
                self._take(self._name(key, place, made), Entry(place, made), fields)
        return {**inherited, **fields}

    def _take(self, name: str | None, entry: Entry, fields: dict[str, Entry]) -> None:
        if name in fields:
            problem = f"{shown_text(name)} is given twice: keep one of them"
            self._report.wrong(entry.key, problem)
        elif name is not None:
            fields[name] = entry

    def _merged(self, node: Node) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for source in node.items if isinstance(node, Items) else (node,):
            if not isinstance(source, Entries):
                problem = "<< takes in mappings only: use an alias of a mapping, such as *name"
                self._report.wrong(source.place, problem)
                continue
            for name, entry in source.fields.items():
                entries.setdefault(name, entry)
        return entries

    def _name(self, key: yaml.Node, place: Place, value: Node) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            problem = "a mapping or a list cannot be a name: put a text with {{ }} in quotes"
            self._report.wrong(place, problem)
            return None
        name = encodable(str(key.value), place, self._report)
        if ":" in name and isinstance(value, Scalar) and value.content is None:
            problem = f"{shown_text(name)} is one word: put a space after the colon"
            self._report.wrong(place, problem)
            return None
        return name

    def _check_tag(self, node: yaml.Node, place: Place) -> None:
        if node.tag in _KNOWN or node.tag == "!":
            return
        if node.tag.startswith("!"):
            problem = f"{shown_text(node.tag)} is a tag of YAML: put a text that begins with ! in "
            self._report.unusable(place, f"{problem}quotes")
        else:
            tag = shown_text(node.tag.removeprefix(_STANDARD))
            self._report.unusable(place, f"the tag {tag} is not possible here: leave it out")

    def _place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        return self._report.at(mark.line + 1, mark.column + 1)


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
