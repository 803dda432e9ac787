"""A property whose value is created on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class first_use(Generic[T]):  # noqa: N801 - a decorator, as `functools.cached_property` is
    """A property that creates its value on first use and keeps it.

    It is like `functools.cached_property`, but threads that use it for the first time at the same
    time get the same value.
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
        """Return the value, or None if it has not been used yet."""
        return instance.__dict__.get(self._name)
