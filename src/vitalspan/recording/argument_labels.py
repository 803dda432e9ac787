"""Labels whose values come from the arguments of a call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from vitalspan.labels import Labels, value_text

_MISSING = inspect.Parameter.empty


class Argument(NamedTuple):
    """A parameter of the decorated function that provides a label's value; made by `argument`."""

    name: str
    get: Callable[[Any], object] | None = None


def argument(name: str, get: Callable[[Any], object] | None = None) -> Any:
    """Label each call of a function with one of its arguments.

        @vs.operation(labels={"tenant": vs.argument("tenant")})
        def bill(tenant, amount): ...

    The values are bounded like those of all labels: they are cut at 256 characters, and beyond
    `max_series` sets of labels they share one series.

    Args:
        name: the name of a parameter of the function.
        get: makes the label's value from the argument, for example `lambda order: order.region`.
    """
    return Argument(name, get)


class ArgumentLabels:
    """Reads the labels of a call from its arguments.

    Args:
        func: the decorated function.
        labels: the argument for each label.

    Raises:
        TypeError: if the function has no parameter of that name.
    """

    def __init__(self, func: Callable[..., Any], labels: Mapping[str, Argument]) -> None:
        parameters: Mapping[str, inspect.Parameter] = {}
        with suppress(TypeError, ValueError):
            parameters = inspect.signature(func).parameters
        positions = {
            name: index
            for index, (name, one) in enumerate(parameters.items())
            if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        }
        takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
        self._sources = []
        for label, (name, get) in labels.items():
            named = name in parameters and not parameters[name].kind.name.startswith("VAR")
            if not takes_any and not named:
                names = ", ".join(parameters) or "unknown"
                raise TypeError(
                    f"label {label!r} uses the argument {name!r}, but the function has no such "
                    f"parameter; its parameters are {names}"
                )
            default = parameters[name].default if name in parameters else _MISSING
            self._sources.append((label, name, positions.get(name, len(parameters)), default, get))

    def read(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Labels:
        """Return the labels of a call, without those whose argument is missing, None or empty.

        Raises:
            Exception: whatever a label's `get` raises.
        """
        labels = []
        for label, name, position, default, get in self._sources:
            value = args[position] if position < len(args) else kwargs.get(name, default)
            if value is _MISSING:
                continue
            value = value if get is None else get(value)
            text = "" if value is None else value_text(value)
            if text:
                labels.append((label, text))
        return tuple(labels)
