"""Finding the right wrapper for whatever is decorated."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from vitalspan.record import steps, wrap

if TYPE_CHECKING:
    from vitalspan.record.site import Site

MakeSite = Callable[[str, str], "Site"]
"""Makes a site from the default name of an operation and the full name of its code."""


def decorate(target: Any, make_site: MakeSite) -> Any:
    """Return what stands for `target` and records its calls.

    Raises:
        TypeError: for a class, a property or anything else that is not a function.
    """
    if isinstance(target, (classmethod, staticmethod)):
        kind = cast("Any", type(target))
        return kind(decorate(target.__func__, make_site))
    _check(target)
    site = make_site(*_names(target))
    wrapper = _make(target)(site, target)
    functools.update_wrapper(wrapper, target)
    return wrapper


def _check(target: Any) -> None:
    if isinstance(target, type):
        raise TypeError(
            f"operation cannot stand for the class {target.__qualname__}: decorate its methods, "
            "or the function that makes the instance"
        )
    if isinstance(target, (property, functools.cached_property)):
        raise TypeError(
            "operation cannot stand for a property: put @operation below @property, "
            "next to the function"
        )
    if not callable(target):
        raise TypeError(
            f"operation decorates functions, not {type(target).__qualname__}: decorate the "
            "function in it, or record a block by  with operation('name'):"
        )


def _make(target: Any) -> Callable[[Site, Any], Any]:
    inner = _inner(target)
    # An object with `__call__` is what its `__call__` is.
    bodies = (inner, type(inner).__call__)
    if any(map(inspect.isasyncgenfunction, bodies)):
        return steps.async_generator
    if any(map(inspect.iscoroutinefunction, bodies)):
        return wrap.coroutine
    if any(map(inspect.isgeneratorfunction, bodies)):
        return steps.generator
    return wrap.plain


def _inner(target: Any) -> Any:
    while isinstance(target, functools.partial):
        target = target.func
    return target


def _names(target: Any) -> tuple[str, str]:
    inner = _inner(target)
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    name = str(named.__qualname__)
    module = getattr(named, "__module__", None)
    return name, f"{module}.{name}" if module else name
