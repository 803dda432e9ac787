"""Decorates functions of every kind: chooses the wrapper, and makes it look like its target."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from vitalspan.labels import Labels
from vitalspan.recording.argument_labels import ArgumentLabels
from vitalspan.recording.call_site import MAX_LABELLED_SITES, CallSite
from vitalspan.recording.call_site_table import CallSiteTable
from vitalspan.recording.options import OperationOptions, SpanExtras
from vitalspan.recording.wrappers_importlib_bootstrap import functions, generators
from vitalspan.runtime.internal_errors import logger


def decorate(
    target: Any,
    call_sites: CallSiteTable,
    options: OperationOptions,
    extras: SpanExtras,
) -> Any:
    """Return a wrapper that replaces `target` and records its calls.

    Raises:
        TypeError: for a class, a property or anything else that is not a function.
    """
    if isinstance(target, (classmethod, staticmethod)):
        kind: Any = classmethod if isinstance(target, classmethod) else staticmethod
        if not issubclass(type(target), kind):
            # A proxy, whose own behaviour only takes effect when it is bound.
            return kind(decorate(_bound_by(target, kind), call_sites, options, extras))
        return type(target)(decorate(target.__func__, call_sites, options, extras))
    _check(target)
    name, code_name = _names(target)
    site = call_sites.add_function(options, name, extras, code_name)
    sites = None
    if options.argument_labels:
        labels = ArgumentLabels(target, dict(options.argument_labels))
        sites = _LabelledSites(site, labels)
    return _dressed(_wrap(target, site, sites), target)


def _bound_by(proxy: Any, kind: Any) -> Callable[..., Any]:
    """Return a function that binds a classmethod or staticmethod proxy and calls it."""

    def call_classmethod(cls: Any, /, *args: Any, **kwargs: Any) -> Any:
        return proxy.__get__(None, cls)(*args, **kwargs)

    def call_staticmethod(*args: Any, **kwargs: Any) -> Any:
        return proxy.__get__(None, object)(*args, **kwargs)

    call = call_classmethod if kind is classmethod else call_staticmethod
    functools.update_wrapper(call, proxy.__func__)
    return call


class _Unbound(staticmethod):  # type: ignore[type-arg]
    """A wrapper that does not become a method when bound, like its target."""

    # With these, `inspect` treats it as a function.
    __code__ = property(lambda self: self.__func__.__code__)
    __defaults__ = property(lambda self: self.__func__.__defaults__)
    __kwdefaults__ = property(lambda self: self.__func__.__kwdefaults__)


def _dressed(wrapper: Callable[..., Any], target: Any) -> Any:
    """Make a wrapper look like its target: its signature, attributes and binding."""
    functools.update_wrapper(wrapper, target)
    with suppress(TypeError, ValueError):
        wrapper.__signature__ = _signature(target)  # type: ignore[attr-defined]
    if not isinstance(target, types.FunctionType | types.MethodType):
        for name in dir(type(target)):
            if name.startswith("__") or hasattr(types.FunctionType, name) or name in vars(wrapper):
                continue
            # For example `cache_clear` of functools.lru_cache.
            if not isinstance(inspect.getattr_static(target, name, None), property):
                with suppress(Exception):
                    setattr(wrapper, name, getattr(target, name))
    return wrapper if hasattr(type(target), "__get__") else _Unbound(wrapper)


def _signature(target: Any) -> inspect.Signature:
    if sys.version_info >= (3, 14):
        from annotationlib import Format  # noqa: PLC0415

        # Annotations are not evaluated, because their names may not be defined yet.
        return inspect.signature(target, annotation_format=Format.FORWARDREF)
    return inspect.signature(target)


class _LabelledSites:
    """The call sites of one function, by the labels from its arguments.

    Args:
        site: the site of calls without such labels.
        labels: reads them from the arguments.
    """

    def __init__(self, site: CallSite, labels: ArgumentLabels) -> None:
        self._site = site
        self._labels = labels
        self._wrappers: dict[Labels, Callable[..., Any]] = {}
        site.recorder.site_caches.add(self)

    def clear(self) -> None:
        """Drop all call sites; further calls look up their series again."""
        self._wrappers.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        return _LabelledSites, (self._site, self._labels)

    def site(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallSite:
        """Return the call site for the labels of a call."""
        return self._site.labelled(self._read(args, kwargs))

    def chooser(
        self, func: Callable[..., Any], wrap: Callable[[CallSite, Any], Callable[..., Any]]
    ) -> Callable[[tuple[Any, ...], dict[str, Any]], Callable[..., Any]]:
        """Return a function that chooses a wrapper of `func` for the labels of a call."""

        def choose(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any]:
            labels = self._read(args, kwargs)
            wrapper = self._wrappers.get(labels)
            if wrapper is None:
                wrapper = wrap(self._site.labelled(labels), func)
                if len(self._wrappers) < MAX_LABELLED_SITES:
                    self._wrappers[labels] = wrapper
            return wrapper

        return choose

    def _read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Labels:
        try:
            return self._labels.read(args, kwargs)
        except Exception:  # noqa: BLE001 - the user's call must not fail
            self._site.recorder.internal_errors.note(
                "label", "a label from an argument could not be added"
            )
            return ()


def _wrap(target: Any, site: CallSite, sites: _LabelledSites | None) -> Callable[..., Any]:
    inner = _inner(target)
    # An object with `__call__` is treated like its `__call__`.
    bodies = (inner, type(inner).__call__)

    def site_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallSite:
        return site if sites is None else sites.site(args, kwargs)

    if any(map(inspect.isasyncgenfunction, bodies)):
        if site.options.error_results is not None:
            raise TypeError(
                "error_results= cannot be used here, because an asynchronous generator returns "
                "nothing: call vitalspan.current_call().fail() in it"
            )
        return generators.async_generator_function(site_of, target)
    if any(map(_is_coroutine_function, bodies)):
        if sites is None:
            return functions.coroutine_function(site, target)
        return functions.coroutine_function_by_labels(
            sites.chooser(target, functions.coroutine_function)
        )
    if any(map(inspect.isgeneratorfunction, bodies)):
        return generators.generator_function(site_of, target)
    if inspect.iscoroutinefunction(inspect.unwrap(inner)):
        logger.warning(
            "%s returns a coroutine, but only the call that creates it is timed: put @operation "
            "next to the coroutine function, or mark its wrapper with "
            "inspect.markcoroutinefunction",
            site.code_name,
        )
    if sites is None:
        return functions.function(site, target)
    return functions.function_by_labels(sites.chooser(target, functions.function))


def _is_coroutine_function(body: Any) -> bool:
    """Return whether a function makes coroutines, by its code or because it is marked so."""
    if inspect.iscoroutinefunction(body):
        return True
    # Before Python 3.12, libraries mark functions for asyncio only.
    mark = getattr(body, "_is_coroutine", None)
    asyncio_coroutines = sys.modules.get("asyncio.coroutines")
    return mark is not None and mark is getattr(asyncio_coroutines, "_is_coroutine", None)


def _check(target: Any) -> None:
    if isinstance(target, type):
        raise TypeError(
            f"operation cannot decorate the class {target.__qualname__}: decorate its methods, "
            "or the function that creates instances"
        )
    if isinstance(target, (property, functools.cached_property)):
        raise TypeError(
            "operation cannot decorate a property: put @operation below @property, "
            "next to the function"
        )
    if not callable(target):
        raise TypeError(
            f"operation decorates functions, not {type(target).__qualname__}: decorate the "
            "function in it, or record a block with operation('name')"
        )


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
