"""A result that may be awaited or not, for methods that used to be coroutines."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class AwaitableResult(Generic[T]):
    """A result that is available at once, but can also be awaited.

    Args:
        value: the result.

    Attributes:
        value: the result.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, None, T]:
        yield from ()
        return self.value

    def __bool__(self) -> bool:
        return bool(self.value)


NOTHING: AwaitableResult[None] = AwaitableResult(None)
"""The result of methods that return nothing."""
