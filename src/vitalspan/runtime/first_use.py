"""A property whose value is made when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class first_use(Generic[T]):  # noqa: N801 - a decorator, as `functools.cached_property` is
    """Make a value when it is first used, and keep it.

    It is `functools.cached_property`, but two threads that use a value for the first time get the
    same one.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        value: T = instance.__dict__.setdefault(self._name, self._make(instance))
        return value

    def if_made(self, instance: object) -> T | None:
        """Return the value, or None if nothing has used it yet."""
        return instance.__dict__.get(self._name)
