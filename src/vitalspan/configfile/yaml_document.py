"""The strict YAML reader: it turns a text into nodes and interprets or constructs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import yaml

from vitalspan.configfile.nodes import MAX_DEPTH, Entries, Entry, Items, Node, Place, Scalar
from vitalspan.configfile.report import Report
from vitalspan.words import shown

MAX_UNFOLDED: Final = 100_000
"""The number of values that aliases may add to those written in a file."""

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


class _TooDeep(yaml.MarkedYAMLError):
    """Mappings and lists are nested deeper than any document needs."""


# Not the loader in C: a file full of brackets would exhaust its stack and end the process.
class _Composer(yaml.SafeLoader):
    """A composer of nodes with a limited depth, so that Python's own limit is never reached."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH + 1:
            raise _TooDeep(problem_mark=parent.start_mark if parent else None)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def parse(text: str, report: Report) -> Node:
    """Return the document in a YAML text; for an empty text a scalar without content.

    Raises:
        ConfigFileError: if the text is not YAML, with all mistakes so far.
    """
    documents = _documents(text, report, lambda composer: [composer.get_single_node()])
    if not documents:
        report.check()
    return documents[0] if documents else Scalar(report.at(1, 1), None)


def parse_all(text: str, report: Report) -> list[Node]:
    """Return all documents in a YAML text.

    Raises:
        ConfigFileError: if the text is not YAML, with all mistakes so far.
    """
    documents = _documents(text, report, _all_nodes)
    report.check()
    return documents


def _all_nodes(composer: _Composer) -> list[yaml.Node | None]:
    nodes = []
    while composer.check_node():
        nodes.append(composer.get_node())
    return nodes


def _documents(
    text: str, report: Report, compose: Callable[[_Composer], list[yaml.Node | None]]
) -> list[Node]:
    """Return the documents that are not empty; none after a fatal mistake."""
    composer = None
    try:
        composer = _Composer(text)
        roots = compose(composer)
    except _TooDeep as error:
        problem = f"is nested too deeply: close every bracket, and use at most {MAX_DEPTH} levels"
        _report_at(error.problem_mark, problem, report)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"not valid YAML: {error.problem}: {_hint(error, text, mark)}"
        _report_at(mark, problem, report)
    except yaml.reader.ReaderError as error:
        character = error.character if isinstance(error.character, int) else 0
        problem = f"the character U+{character:04X} cannot be in a file: leave it out"
        report.wrong(report.after(text[: error.position]), problem)
    except (ValueError, OverflowError):
        # PyYAML does not check the numbers in escapes such as "\UFFFFFFFF" and after %YAML.
        mark = composer.get_mark() if composer else None
        _report_at(mark, "not valid YAML: a number is too large: use a smaller one", report)
    else:
        nodes = (_Converter(report).convert(root) for root in roots if root is not None)
        return [node for node in nodes if node is not None]
    return []


def _report_at(mark: yaml.Mark | None, problem: str, report: Report) -> None:
    line, column = (mark.line, mark.column) if mark else (0, 0)
    report.wrong(report.at(line + 1, column + 1), problem)


def _hint(error: yaml.MarkedYAMLError, text: str, mark: yaml.Mark | None) -> str:
    lines = text.splitlines()
    if mark is not None and mark.line < len(lines) and "{{" in lines[mark.line]:
        return _TEMPLATE_HINT
    message = f"{error.context} {error.problem}"
    return next((hint for words, hint in _HINTS if words in message), _GENERAL_HINT)


class _Unfolded(Exception):  # noqa: N818 - ends the conversion, never leaves the module
    """Aliases make too many values, or lead back to themselves; the mistake is already reported."""


class _Converter:
    """A converter of PyYAML's nodes to ours; each is converted once, whatever refers to it."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._converted: dict[int, Node] = {}
        self._sizes: dict[int, int] = {}
        self._unfolded = 0

    def convert(self, root: yaml.Node) -> Node | None:
        try:
            return self._node(root)
        except _Unfolded:
            return None

    def _node(self, node: yaml.Node) -> Node:
        conversion = self._converted.get(id(node))
        if conversion is not None:
            return self._reused(node, conversion)
        place = self._place(node)
        if id(node) in self._sizes:
            self._report.wrong(place, "contains itself: write it without the alias")
            raise _Unfolded
        self._sizes[id(node)] = 0
        converted = self._new(node, place)
        self._sizes[id(node)] = 1 + sum(self._sizes[id(part)] for part in _parts(node))
        self._converted[id(node)] = converted
        return converted

    def _reused(self, node: yaml.Node, converted: Node) -> Node:
        self._unfolded += self._sizes[id(node)]
        if self._unfolded > MAX_UNFOLDED:
            problem = (
                f"aliases make more than {MAX_UNFOLDED} values: use fewer, this is one of them"
            )
            self._report.wrong(converted.place, problem)
            raise _Unfolded
        return converted

    def _new(self, node: yaml.Node, place: Place) -> Node:
        self._check_tag(node, place)
        if isinstance(node, yaml.SequenceNode):
            return Items(place, tuple(map(self._node, node.value)))
        if isinstance(node, yaml.MappingNode):
            return Entries(place, self._fields(node))
        style = node.style if isinstance(node, yaml.ScalarNode) else None
        if style is None and node.tag == f"{_STANDARD}null":
            return Scalar(place, None)
        content = self._report.encodable(str(node.value), place)
        return Scalar(place, content, quoted=style is not None)

    def _fields(self, node: yaml.MappingNode) -> dict[str, Entry]:
        fields: dict[str, Entry] = {}
        inherited: dict[str, Entry] = {}
        for key, value in node.value:
            place = self._place(key)
            converted = self._node(value)
            if key.tag == f"{_STANDARD}merge":
                for name, entry in self._merged(converted).items():
                    inherited.setdefault(name, entry)
            else:
                self._add(self._name(key, place, converted), Entry(place, converted), fields)
        return {**inherited, **fields}

    def _add(self, name: str | None, entry: Entry, fields: dict[str, Entry]) -> None:
        if name in fields:
            problem = f"{shown(name)} is given twice: keep one of them"
            self._report.wrong(entry.key, problem)
        elif name is not None:
            fields[name] = entry

    def _merged(self, node: Node) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for source in node.items if isinstance(node, Items) else (node,):
            if not isinstance(source, Entries):
                problem = "<< merges mappings only: use an alias of a mapping, such as *name"
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
        name = self._report.encodable(str(key.value), place)
        if ":" in name and isinstance(value, Scalar) and value.content is None:
            word = self._report.shown(Scalar(place, name))
            problem = f"{word} is one word: put a space after the colon"
            self._report.wrong(place, problem)
            return None
        return name

    def _check_tag(self, node: yaml.Node, place: Place) -> None:
        if node.tag in _KNOWN or node.tag == "!":
            return
        if node.tag.startswith("!"):
            problem = f"{shown(node.tag)} is a tag of YAML: put a text that begins with ! in "
            self._report.unusable(place, f"{problem}quotes")
        else:
            tag = shown(node.tag.removeprefix(_STANDARD))
            self._report.unusable(place, f"the tag {tag} is not supported: leave it out")

    def _place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        return self._report.at(mark.line + 1, mark.column + 1)


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
