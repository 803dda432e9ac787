"""Parses Go templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from vitalspan.rules.go_template import nodes as tree
from vitalspan.rules.go_template.functions import FUNCTIONS
from vitalspan.rules.go_template.nodes import TemplateError
from vitalspan.rules.go_template.tokens import Token, pieces, unquoted

_CONSTANTS: Final = {"true": True, "false": False, "nil": None}
_BRANCHES: Final = ("if", "with", "range")
_MAX_DEPTH: Final = 50

_PRESET_VARIABLES: Final = ("$", "$labels", "$externalLabels", "$externalURL", "$value")
"""The variables that Prometheus sets."""

_FIELDS: Final = ("Labels", "ExternalLabels", "ExternalURL", "Value")


@dataclass(frozen=True)
class Template:
    """A parsed template.

    Attributes:
        source: the text.
        nodes: the nodes.
        templates: the templates that it defines, by name.
        queries: the strings that it passes to `query`.
        has_other_queries: whether it passes other values to `query`, which are not known in
            advance.
    """

    source: str
    nodes: tuple[tree.Node, ...]
    templates: dict[str, tuple[tree.Node, ...]] = field(default_factory=dict, hash=False)
    queries: tuple[str, ...] = ()
    has_other_queries: bool = False


@lru_cache(maxsize=4096)
def parse_template(source: str) -> Template:
    """Return a parsed template.

    Raises:
        TemplateError: for invalid or unsupported templates; the message says which.
    """
    return _Parser(source).parse()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces: Iterator[str | list[Token]] = pieces(source)
        self._templates: dict[str, tuple[tree.Node, ...]] = {}
        self._scopes: list[set[str]] = [set(_PRESET_VARIABLES)]
        self._queries: list[str] = []
        self._other_queries = False
        self._depth = 0
        self._tokens: list[Token] = []

    def parse(self) -> Template:
        nodes, end = self._nodes()
        if end:
            raise TemplateError(f"unexpected {{{{ {end} }}}}")
        return Template(
            self._source, nodes, self._templates, tuple(self._queries), self._other_queries
        )

    def _nodes(self) -> tuple[tuple[tree.Node, ...], str]:
        """Return nodes up to an `end`, an `else`, or the end; and the keyword that ended them."""
        nodes: list[tree.Node] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                if piece:
                    nodes.append(tree.Text(piece))
                continue
            self._tokens = piece
            keyword = piece[0].text if piece[0].kind == "word" else ""
            if keyword in ("end", "else"):
                self._tokens = piece[1:]
                return tuple(nodes), keyword
            node = self._node(keyword)
            if node is not None:
                nodes.append(node)
        return tuple(nodes), ""

    def _node(self, keyword: str) -> tree.Node | None:
        if keyword in _BRANCHES:
            self._tokens = self._tokens[1:]
            return self._branch(keyword)
        if keyword in ("break", "continue") and len(self._tokens) == 1:
            return tree.Jump(keyword)
        if keyword in ("define", "block"):
            self._define(keyword)
            return None
        if keyword == "template":
            self._tokens = self._tokens[1:]
            return self._template_call()
        return tree.Action(self._whole_pipeline())

    def _branch(self, keyword: str) -> tree.Branch:
        self._go_deeper()
        self._scopes.append(set())
        pipeline = self._whole_pipeline()
        body, end = self._nodes()
        otherwise: tuple[tree.Node, ...] = ()
        if end == "else":
            if self._tokens:
                # `else if` is an `if` within the `else`, with one `end` for both.
                inner = self._tokens[0].text
                self._tokens = self._tokens[1:]
                otherwise = (self._branch(inner),)
                end = "end"
            else:
                otherwise, end = self._nodes()
        if end != "end":
            raise TemplateError(f"{{{{ {keyword} }}}} is not closed: end it with {{{{ end }}}}")
        self._scopes.pop()
        self._depth -= 1
        return tree.Branch(keyword, pipeline, body, otherwise)

    def _go_deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise TemplateError(f"is nested too deeply: use at most {_MAX_DEPTH} levels")

    def _define(self, keyword: str) -> None:
        if keyword == "block" or len(self._tokens) != 2 or self._tokens[1].kind != "string":
            raise TemplateError('use {{ define "name" }} to define a template')
        name = unquoted(self._tokens[1].text)
        self._scopes.append({"$"})
        body, end = self._nodes()
        self._scopes.pop()
        if end != "end":
            raise TemplateError("{{ define }} is not closed: end it with {{ end }}")
        self._templates[name] = body

    def _template_call(self) -> tree.Call:
        if not self._tokens or self._tokens[0].kind != "string":
            raise TemplateError('use {{ template "name" . }} to fill in a template')
        name = unquoted(self._tokens[0].text)
        self._tokens = self._tokens[1:]
        return tree.Call(name, self._whole_pipeline() if self._tokens else None)

    def _whole_pipeline(self) -> tree.Pipeline:
        pipeline = self._pipeline()
        if self._tokens:
            raise TemplateError(f"unexpected {self._tokens[0].text!r}")
        return pipeline

    def _pipeline(self) -> tree.Pipeline:
        variables, declares = self._declaration()
        commands: list[tuple[tree.Operand, ...]] = []
        while True:
            commands.append(self._command())
            if not self._takes("|"):
                break
        self._note_queries(commands)
        for name in variables:
            if declares:
                self._scopes[-1].add(name)
            elif not any(name in scope for scope in self._scopes):
                raise TemplateError(f"the variable {name} is not defined")
        return tree.Pipeline(tuple(commands), variables, declares)

    def _declaration(self) -> tuple[tuple[str, ...], bool]:
        tokens = self._tokens
        count = 2 if len(tokens) > 3 and tokens[1].text == "," else 1
        names, mark = tokens[: 2 * count - 1 : 2], tokens[2 * count - 1 : 2 * count]
        if not mark or mark[0].text not in (":=", "="):
            return (), True
        if any(name.kind != "variable" for name in names):
            return (), True
        self._tokens = tokens[2 * count :]
        return tuple(name.text for name in names), mark[0].text == ":="

    def _takes(self, mark: str) -> bool:
        if self._tokens and self._tokens[0].kind == "mark" and self._tokens[0].text == mark:
            self._tokens = self._tokens[1:]
            return True
        return False

    def _command(self) -> tuple[tree.Operand, ...]:
        operands: list[tree.Operand] = []
        while self._tokens and self._tokens[0].text not in ("|", ")"):
            operands.append(self._operand())
        if not operands:
            raise TemplateError("a value is missing")
        if len(operands) > 1 and not isinstance(operands[0], tree.Function):
            raise TemplateError("only functions take arguments")
        return tuple(operands)

    def _operand(self) -> tree.Operand:
        token, *self._tokens = self._tokens
        reader = _CONSTANT_READERS.get(token.kind)
        if reader is not None:
            return tree.Constant(reader(token.text))
        if token.kind == "variable":
            if not any(token.text in scope for scope in self._scopes):
                raise TemplateError(f"the variable {token.text} is not defined")
            return tree.Variable(token.text, self._fields())
        if token.kind == "field" or token.text == ".":
            name = token.text[1:]
            return tree.Dot((name, *self._fields()) if name else ())
        if token.text == "(":
            return self._chain()
        if token.kind == "word":
            return self._word(token.text)
        raise TemplateError(f"unexpected {token.text!r}")

    def _chain(self) -> tree.Chain:
        self._go_deeper()
        pipeline = self._pipeline()
        if not self._takes(")"):
            raise TemplateError("( is not closed: end it with )")
        self._depth -= 1
        fields = self._fields()
        if fields and fields[0] not in _FIELDS:
            raise TemplateError(f"the method .{fields[0]} is not supported")
        return tree.Chain(pipeline, fields)

    def _word(self, word: str) -> tree.Operand:
        if word in _CONSTANTS:
            return tree.Constant(_CONSTANTS[word])
        if word not in FUNCTIONS:
            raise TemplateError(f"there is no function {word}")
        return tree.Function(word)

    def _fields(self) -> tuple[str, ...]:
        names = []
        while self._tokens and self._tokens[0].kind == "field" and not self._tokens[0].spaced:
            names.append(self._tokens[0].text[1:])
            self._tokens = self._tokens[1:]
        return tuple(names)

    def _note_queries(self, commands: list[tuple[tree.Operand, ...]]) -> None:
        for index, command in enumerate(commands):
            if command[0] != tree.Function("query"):
                continue
            source = command[1:] if len(command) > 1 else commands[index - 1] if index else ()
            if len(source) == 1 and isinstance(source[0], tree.Constant):
                self._queries.append(str(source[0].value))
            else:
                self._other_queries = True


def _number(text: str) -> float | int:
    try:
        return int(text, 0)
    except ValueError:
        return float(text)


_CONSTANT_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "string": unquoted,
    "char": lambda text: ord(unquoted(text)),
    "number": _number,
}
