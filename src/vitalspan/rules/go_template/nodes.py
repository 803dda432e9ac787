"""The nodes of a parsed template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class TemplateError(ValueError):
    """A template that cannot be parsed or filled in; the message says why."""


@dataclass(frozen=True)
class Constant:
    """A string, a number, a boolean or nil."""

    value: Any


@dataclass(frozen=True)
class Dot:
    """The current value, `.`, and its fields."""

    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variable:
    """A variable such as `$labels`, and fields of it."""

    name: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Function:
    """The name of a function."""

    name: str


@dataclass(frozen=True)
class Chain:
    """Fields of the result of a pipeline in parentheses."""

    pipeline: Pipeline
    fields: tuple[str, ...] = ()


Operand = Constant | Dot | Variable | Function | Chain


@dataclass(frozen=True)
class Pipeline:
    """Commands, each of which passes its value to the next one as the last argument.

    Attributes:
        commands: the commands, each a function or value with its arguments.
        variables: the variables that the value is assigned to; `range` may have two.
        declares: whether the variables are new.
    """

    commands: tuple[tuple[Operand, ...], ...]
    variables: tuple[str, ...] = ()
    declares: bool = True


@dataclass(frozen=True)
class Text:
    """Text that stays as it is."""

    text: str


@dataclass(frozen=True)
class Action:
    """A pipeline whose value is written, unless it is assigned to a variable."""

    pipeline: Pipeline


@dataclass(frozen=True)
class Branch:
    """An `if`, a `with` or a `range`.

    Attributes:
        keyword: the keyword.
        pipeline: the condition or the value.
        body: the nodes if it is not empty.
        otherwise: the nodes if it is empty.
    """

    keyword: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True)
class Jump:
    """A `break` or a `continue`."""

    keyword: str


@dataclass(frozen=True)
class Call:
    """A call of a template in another one.

    Attributes:
        name: the name of the template.
        pipeline: its argument; None if there is none.
    """

    name: str
    pipeline: Pipeline | None


Node = Text | Action | Branch | Jump | Call
