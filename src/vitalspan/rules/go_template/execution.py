"""Executes Go templates, as in Prometheus' annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vitalspan.rules.go_template import nodes as tree
from vitalspan.rules.go_template.functions import FUNCTIONS, Sample
from vitalspan.rules.go_template.go_format import text_of
from vitalspan.rules.go_template.nodes import TemplateError
from vitalspan.rules.go_template.syntax import Template

MAX_TEXT: Final = 100_000
"""The maximum length of a result in characters."""

_MAX_STEPS: Final = 100_000
_MAX_CALLS: Final = 50


class _JumpError(Exception):
    """A `break` or a `continue`."""


def _no_query(_: str) -> list[Sample]:
    raise TemplateError("query is not supported here")


@dataclass(frozen=True)
class TemplateData:
    """The data for templates.

    Attributes:
        labels: the labels of the alert.
        value: the value of the expression; a string for a native histogram.
        now: the time of evaluation, in seconds since the epoch.
        query: returns the elements of a query's result.
        external_labels: the labels that are added when an alert is sent.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    value: float | str = 0.0
    now: float = 0.0
    query: Callable[[str], Sequence[Sample]] = _no_query
    external_labels: Mapping[str, str] = field(default_factory=dict)


def fill_in(template: Template, data: TemplateData) -> str:
    """Return the result of a template.

    Raises:
        TemplateError: if it fails with this data.
    """
    root = {
        "Labels": dict(data.labels),
        "ExternalLabels": dict(data.external_labels),
        "ExternalURL": "",
        "Value": data.value,
    }
    variables = {
        "$": root,
        "$labels": root["Labels"],
        "$externalLabels": root["ExternalLabels"],
        "$externalURL": "",
        "$value": data.value,
    }
    execution = _Execution(template, data)
    try:
        execution.write(template.nodes, root, [variables])
    except _JumpError as jump:
        raise TemplateError(f"{jump} outside of a range") from None
    except RecursionError:
        raise TemplateError("templates call each other too often") from None
    return "".join(execution.texts)


_Scopes = list[dict[str, Any]]


class _Execution:
    def __init__(self, template: Template, data: TemplateData) -> None:
        self.texts: list[str] = []
        self._template = template
        self._data = data
        self._size = 0
        self._steps = 0
        self._calls = 0

    def write(self, nodes: Sequence[tree.Node], dot: Any, scopes: _Scopes) -> None:
        for node in nodes:
            self._steps += 1
            if self._steps > _MAX_STEPS:
                raise TemplateError("goes on for too long")
            if isinstance(node, tree.Text):
                self._add(node.text)
            elif isinstance(node, tree.Action):
                value = self._evaluate(node.pipeline, dot, scopes)
                if not node.pipeline.variables:
                    self._add(text_of(value))
            elif isinstance(node, tree.Branch):
                self._branch(node, dot, scopes)
            elif isinstance(node, tree.Call):
                self._call(node, dot, scopes)
            else:
                assert isinstance(node, tree.Jump)  # noqa: S101 - there are no other nodes
                raise _JumpError(node.keyword)

    def _add(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise TemplateError(f"becomes longer than {MAX_TEXT} characters")
        self.texts.append(text)

    def _branch(self, node: tree.Branch, dot: Any, scopes: _Scopes) -> None:
        inner: _Scopes = [*scopes, {}]
        if node.keyword == "range":
            self._range(node, dot, inner)
            return
        value = self._evaluate(node.pipeline, dot, inner)
        if value:
            self.write(node.body, value if node.keyword == "with" else dot, inner)
        else:
            self.write(node.otherwise, dot, inner)

    def _range(self, node: tree.Branch, dot: Any, scopes: _Scopes) -> None:
        pipeline = tree.Pipeline(node.pipeline.commands)
        elements = list(_elements(self._evaluate(pipeline, dot, scopes)))
        if not elements:
            self.write(node.otherwise, dot, scopes)
        for key, value in elements:
            scope: dict[str, Any] = {}
            names = node.pipeline.variables
            if names:
                scope[names[-1]] = value
            if len(names) > 1:
                scope[names[0]] = key
            try:
                self.write(node.body, value, [*scopes, scope])
            except _JumpError as jump:
                if str(jump) == "break":
                    return

    def _call(self, node: tree.Call, dot: Any, scopes: _Scopes) -> None:
        body = self._template.templates.get(node.name)
        if body is None:
            raise TemplateError(f"template {node.name!r} not defined")
        self._calls += 1
        if self._calls > _MAX_CALLS:
            raise TemplateError("templates call each other too often")
        value = None if node.pipeline is None else self._evaluate(node.pipeline, dot, scopes)
        self.write(body, value, [{"$": value}])
        self._calls -= 1

    def _evaluate(self, pipeline: tree.Pipeline, dot: Any, scopes: _Scopes) -> Any:
        value: Any = None
        for index, command in enumerate(pipeline.commands):
            piped = (value,) if index else ()
            value = self._command(command, piped, dot, scopes)
        for name in pipeline.variables:
            scope = scopes[-1]
            if not pipeline.declares:
                scope = next(one for one in reversed(scopes) if name in one)
            scope[name] = value
        return value

    def _command(
        self, command: Sequence[tree.Operand], piped: tuple[Any, ...], dot: Any, scopes: _Scopes
    ) -> Any:
        first = command[0]
        if not isinstance(first, tree.Function):
            if piped:
                raise TemplateError("an argument is passed to something that is not a function")
            return self._operand(first, dot, scopes)
        if first.name in ("and", "or"):
            return self._logic(first.name, command[1:], piped, dot, scopes)
        arguments = [self._operand(one, dot, scopes) for one in command[1:]]
        return self._apply(first.name, [*arguments, *piped])

    def _logic(
        self,
        name: str,
        operands: Sequence[tree.Operand],
        piped: tuple[Any, ...],
        dot: Any,
        scopes: _Scopes,
    ) -> Any:
        """Return the first operand that decides, or the last one; others are not evaluated."""
        value: Any = None
        for operand in operands:
            value = self._operand(operand, dot, scopes)
            if bool(value) is (name == "or"):
                return value
        return piped[0] if piped else value

    def _apply(self, name: str, arguments: list[Any]) -> Any:
        function = FUNCTIONS[name]
        try:
            if function is None:
                return self._own_function(name, arguments)
            return function(*arguments)
        except TemplateError:
            raise
        except (TypeError, AttributeError, ValueError, OverflowError, KeyError) as fault:
            raise TemplateError(f"error calling {name}: {fault}") from None

    def _own_function(self, name: str, arguments: list[Any]) -> Any:
        if name == "query":
            (text,) = arguments
            return list(self._data.query(text))
        if arguments:
            raise TemplateError(f"{name} takes no arguments")
        return self._data.now if name == "now" else ""

    def _operand(self, operand: tree.Operand, dot: Any, scopes: _Scopes) -> Any:
        if isinstance(operand, tree.Constant):
            return operand.value
        if isinstance(operand, tree.Dot):
            return _fields_of(dot, operand.fields)
        if isinstance(operand, tree.Function):
            return self._apply(operand.name, [])
        if isinstance(operand, tree.Chain):
            value = self._evaluate(operand.pipeline, dot, scopes)
            return _fields_of(value, operand.fields)
        for scope in reversed(scopes):
            if operand.name in scope:
                return _fields_of(scope[operand.name], operand.fields)
        raise TemplateError(f"the variable {operand.name} is not defined")


def _fields_of(value: Any, fields: Sequence[str]) -> Any:
    for name in fields:
        if isinstance(value, Sample) and name in ("Labels", "Value"):
            value = value.labels if name == "Labels" else value.value
        elif isinstance(value, dict):
            # A missing label is empty.
            value = value.get(name, "")
        else:
            raise TemplateError(f"can't evaluate field {name} in type {type(value).__name__}")
    return value


def _elements(value: Any) -> Iterator[tuple[Any, Any]]:
    if value is None:
        return
    if isinstance(value, dict):
        yield from sorted(value.items())
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from ((number, number) for number in range(value))
    else:
        raise TemplateError(f"range can't iterate over {text_of(value)}")
