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
        raise TypeError(f"operation decorates functions, not {type(target).__qualname__}")


def _make(target: Any) -> Callable[[Site, Any], Any]:
    # An object with `__call__` is what its `__call__` is.
    body = target
    if not inspect.isroutine(target) and not isinstance(target, functools.partial):
        body = type(target).__call__
    if inspect.isasyncgenfunction(body):
        return steps.async_generator
    if inspect.iscoroutinefunction(body) or inspect.iscoroutinefunction(target):
        return wrap.coroutine
    if inspect.isgeneratorfunction(body):
        return steps.generator
    return wrap.plain


def _names(target: Any) -> tuple[str, str]:
    while isinstance(target, functools.partial):
        target = target.func
    named = target if hasattr(target, "__qualname__") else type(target)
    name = str(named.__qualname__)
    return name, f"{named.__module__}.{name}"
