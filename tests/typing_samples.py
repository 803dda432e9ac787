"""What type checkers must see of decorated functions; mypy checks this file in `make lint`."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any, assert_type

import vitalspan as vs


@vs.operation
def bare(a: int, *, b: str = "") -> float:
    return a + len(b)


@vs.operation("named", component="c", labels={"l": 1}, attributes={"a": []}, slow=1, resources=True)
def named(a: int, *, b: str = "") -> float:
    return a + len(b)


@vs.operation()
async def fetch(url: str) -> bytes:
    return url.encode()


@vs.operation("walk")
def walk(n: int) -> Iterator[int]:
    yield from range(n)


@vs.operation("steps", enabled=True)
def steps(n: int) -> Generator[int, str, bool]:
    yield n
    return True


@vs.operation("stream")
async def stream(n: int) -> AsyncIterator[int]:
    yield n


@vs.operation("stream_both_ways")
async def stream_both_ways(n: int) -> AsyncGenerator[int, str]:
    yield n


class Shop:
    @vs.operation
    def sell(self, item: str) -> int:
        return len(item)

    @classmethod
    @vs.operation("open")
    def open(cls, name: str) -> Shop:
        return cls()

    @staticmethod
    @vs.operation("close")
    async def close(code: int) -> None: ...

    @property
    @vs.operation("stock")
    def stock(self) -> int:
        return 3


def signatures() -> None:
    """Decorated functions have the signature they are written with."""
    assert_type(bare(1, b="x"), float)
    assert_type(named(1), float)
    assert_type(walk(3), Iterator[int])
    assert_type(steps(3), Generator[int, str, bool])
    assert_type(stream(3), AsyncIterator[int])
    assert_type(stream_both_ways(3), AsyncGenerator[int, str])
    assert_type(Shop().sell("x"), int)
    assert_type(Shop.open("x"), Shop)
    assert_type(Shop().stock, int)
    fetching: Callable[[str], Coroutine[Any, Any, bytes]] = fetch
    half: Callable[[], float] = vs.operation("half")(functools.partial(bare, 1))
    assert fetching is fetch
    assert_type(half(), float)


async def awaited() -> None:
    """So have coroutine functions, whose results need an `await`."""
    assert_type(await fetch("u"), bytes)
    assert_type(await Shop.close(1), None)
    async with vs.operation("block") as call:
        assert_type(call.add("items", 2), None)
        assert_type(call.trace_id, str | None)


@vs.operation(
    "pay",
    labels={"tenant": vs.argument("tenant"), "plan": vs.argument("order", lambda order: order[0])},
    errors=(TimeoutError, OSError),
    error_results=lambda paid: not paid,
    kind="client",
    links=[],
)
def pay(tenant: str, order: tuple[str, int]) -> bool:
    call = vs.current_call()
    assert_type(call.set_label("status", "2xx"), None)
    assert_type(call.fail("declined", error_type="declined"), None)
    assert_type(call.ok(), None)
    return bool(tenant)


@vs.operation(errors=lambda error: error.args == ())
def retry(times: int) -> int:
    return times


def options() -> None:
    """What says more about a call leaves the signature as it is."""
    assert_type(pay("t", ("gold", 1)), bool)
    assert_type(retry(3), int)
    assert_type(vs.get_monitor().forget("pay", labels={"tenant": "t"}), int)


def refused() -> None:
    """What is wrong is seen: under --strict an ignore that is not needed is an error."""
    bare("x")  # type: ignore[arg-type]
    named(1, c=2)  # type: ignore[call-arg]
    fetch(1).close()  # type: ignore[arg-type]
    vs.operation(5)  # type: ignore[call-overload]
    vs.operation("x", slow="fast")  # type: ignore[call-overload]
    vs.operation("x", errors=5)  # type: ignore[call-overload]
    vs.operation("x", kind=5)  # type: ignore[call-overload]
    vs.operation("x", eror=ValueError)  # type: ignore[call-overload]
    Shop().sell()  # type: ignore[call-arg]


def blocks() -> None:
    """A block hands out its call."""
    with vs.operation("block") as call:
        call.set_attribute("page", 3)
        assert_type(call.trace_id, str | None)
    for record in vs.get_monitor().recent_calls():
        assert_type(record, vs.CallRecord)
        assert_type(record.duration, float)
