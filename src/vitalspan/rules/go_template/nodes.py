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
    """The value that is looked at, `.`, and fields of it."""

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
    """Fields of what a pipeline in parentheses gives."""

    pipeline: Pipeline
    fields: tuple[str, ...] = ()


Operand = Constant | Dot | Variable | Function | Chain


@dataclass(frozen=True)
class Pipeline:
    """Commands, each of which gives its value to the next one as the last argument.

    Attributes:
        commands: each is what is called, or looked at, with its arguments.
        variables: those that the value is given to; `range` may have two.
        declares: whether they are new.
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
    """A pipeline whose value is written, unless it is given to a variable."""

    pipeline: Pipeline


@dataclass(frozen=True)
class Branch:
    """An `if`, a `with` or a `range`.

    Attributes:
        keyword: which of them.
        pipeline: what is looked at.
        body: what is written where there is something.
        otherwise: what is written where there is not.
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
    """A template that is filled in within another one.

    Attributes:
        name: of the template.
        pipeline: what it looks at; None is nothing.
    """

    name: str
    pipeline: Pipeline | None


Node = Text | Action | Branch | Jump | Call
