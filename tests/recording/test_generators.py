"""`operation` as a decorator of generator and asynchronous generator functions."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

import vitalspan as vs


class Way:
    """One of the ways that a recorded generator can take, with a monitor of its own."""

    def __init__(self, mode: str, clock: vs.ManualClock) -> None:
        self.mode, self.clock = mode, clock
        self.provider = TracerProvider(shutdown_on_exit=False) if mode == "traced" else None
        self.monitor = vs.Monitor(
            registry=CollectorRegistry(),
            clock=clock,
            tracer_provider=self.provider,
            system_metrics=False,
        )
        if mode == "disabled":
            self.monitor.disable()

    def decorate(self, func: Any) -> Any:
        return self.monitor.operation("f", resources=self.mode == "measured")(func)

    def read(self, name: str, **labels: str) -> float | None:
        names = {
            "count": "operation_duration_seconds_count",
            "seconds": "operation_duration_seconds_sum",
            "cancelled": "operation_cancellations_total",
            "inside": "operation_in_progress",
            "oldest": "operation_oldest_in_progress_seconds",
            "errors": "operation_errors_total",
        }
        return self.monitor.registry.get_sample_value(
            names[name], {"component": "default", "operation": "f", **labels}
        )

    @property
    def state(self) -> tuple[float | None, ...]:
        """Calls that ended, their seconds, how many were cancelled, how many are inside."""
        return tuple(self.read(name) for name in ("count", "seconds", "cancelled", "inside"))

    def close(self) -> None:
        self.monitor.close()
        if self.provider is not None:
            self.provider.shutdown()


@pytest.fixture(params=["short", "measured", "traced"])
def way(request, clock) -> Iterator[Way]:
    made = Way(request.param, clock)
    yield made
    made.close()


@pytest.fixture(scope="module")
def ways() -> Iterator[list[Way]]:
    made = [Way(mode, vs.ManualClock()) for mode in ("short", "measured", "traced", "disabled")]
    yield made
    for one in made:
        assert one.read("inside") == 0
        one.close()


# Synchronous


def test_a_generator_is_timed_from_its_first_step_to_its_last(way, clock):
    @way.decorate
    def f() -> Any:
        clock.advance(1)
        got = yield "a"
        clock.advance(2)
        yield got
        clock.advance(4)
        return "result"

    made = f()
    clock.advance(100)
    assert way.state == (0, 0, 0, 0)
    assert next(made) == "a"
    assert (way.read("inside"), way.read("oldest")) == (1, 1)
    clock.advance(10)
    assert made.send("sent") == "sent"
    with pytest.raises(StopIteration) as stop:
        next(made)
    assert stop.value.value == "result"
    assert way.state == (1, 17, 0, 0)


def test_a_generator_that_is_never_started_is_not_recorded(way):
    @way.decorate
    def f() -> Any:
        yield

    made = f()
    made.close()
    f()
    gc.collect()
    assert way.state == (0, 0, 0, 0)


def test_closing_early_is_a_cancellation(way, clock):
    @way.decorate
    def f() -> Any:
        try:
            while True:
                yield
                clock.advance(1)
        finally:
            clock.advance(5)

    made = f()
    next(made)
    next(made)
    made.close()
    assert way.state == (1, 6, 1, 0)
    assert way.read("errors", error_type="GeneratorExit") is None
    for _ in f():
        break
    gc.collect()
    assert way.state == (2, 11, 2, 0)


def test_a_generator_that_is_dropped_is_a_cancellation_at_once(way, clock):
    class Resource:
        pass

    resource = Resource()
    alive = weakref.ref(resource)

    @way.decorate
    def f(held: Resource) -> Any:
        yield

    made = f(resource)
    del resource
    next(made)
    gc.disable()
    try:
        del made
        # Without the cyclic collector, as it would be undecorated.
        assert alive() is None
    finally:
        gc.enable()
    assert way.state == (1, 0, 1, 0)


def test_a_generator_in_a_reference_cycle_is_a_cancellation_when_collected(way):
    @way.decorate
    def f(box: list[Any]) -> Any:
        yield

    box: list[Any] = []
    box.append(f(box))
    next(box[0])
    del box
    assert gc.collect() > 0
    assert way.state == (1, 0, 1, 0)


def test_exceptions_thrown_in_and_handled_inside_are_no_errors(way, clock):
    @way.decorate
    def f() -> Any:
        try:
            yield 1
        except ValueError:
            clock.advance(1)
            yield 2

    made = f()
    next(made)
    assert made.throw(ValueError("in")) == 2
    assert list(made) == []
    assert way.state == (1, 1, 0, 0)
    assert way.read("errors", error_type="ValueError") is None


@pytest.mark.parametrize("thrown", [ValueError("v"), SystemExit("no disk")])
def test_exceptions_thrown_in_and_not_handled_are_errors(way, thrown):
    @way.decorate
    def f() -> Any:
        yield 1

    made = f()
    next(made)
    with pytest.raises(type(thrown)) as caught:
        made.throw(thrown)
    assert caught.value is thrown
    assert caught.value.__context__ is None
    assert way.read("errors", error_type=type(thrown).__name__) == 1
    assert way.state == (1, 0, 0, 0)
    thrown.__traceback__ = None


def test_a_generator_that_ignores_its_end_raises_the_same_error(way):
    def body() -> Any:
        try:
            yield 1
        except GeneratorExit:
            yield 2
        yield 3

    messages = []
    for made in (body(), way.decorate(body)()):
        next(made)
        with pytest.raises(RuntimeError) as caught:
            made.close()
        messages.append(str(caught.value))
        assert list(made) == [3]
    assert messages[0] == messages[1] == "generator ignored GeneratorExit"
    assert way.state == (1, 0, 0, 0)


def test_what_a_closed_generator_returns_is_what_it_would_return(way):
    def body() -> Any:
        try:
            yield 1
        except GeneratorExit:
            return "closed"

    made, plain = way.decorate(body)(), body()
    next(made)
    next(plain)
    assert made.close() == plain.close()
    assert way.state == (1, 0, 1, 0)


def test_delegation_through_the_wrapper(way, clock):
    @way.decorate
    def inner() -> Any:
        clock.advance(1)
        try:
            got = yield "inner"
        except ValueError:
            got = "caught"
        clock.advance(1)
        return got

    def outer() -> Any:
        result = yield from inner()
        yield ("outer", result)

    made = outer()
    assert next(made) == "inner"
    assert made.send("sent") == ("outer", "sent")
    made = outer()
    next(made)
    assert made.throw(ValueError()) == ("outer", "caught")
    made = outer()
    next(made)
    made.close()
    assert way.state == (3, 5, 1, 0)


def test_errors_raised_by_the_body(way):
    error = LookupError("inside")

    @way.decorate
    def f() -> Any:
        yield 1
        raise error

    with pytest.raises(LookupError) as caught:
        list(f())
    assert caught.value is error
    assert caught.value.__context__ is None
    assert way.read("errors", error_type="LookupError") == 1
    assert way.state == (1, 0, 0, 0)


def test_many_generators_at_once(way, clock):
    @way.decorate
    def f(steps: int) -> Any:
        yield from range(steps)

    made = [f(steps) for steps in range(1, 40)]
    for one in made:
        next(one)
    clock.advance(1)
    assert way.state == (0, 0, 0, 39)
    assert [list(one) for one in reversed(made)] == [
        list(range(1, steps)) for steps in reversed(range(1, 40))
    ]
    assert way.state == (39, 39, 0, 0)


def test_methods_that_are_generators(way, clock):
    class Shop:
        @way.decorate
        def walk(self) -> Any:
            clock.advance(1)
            yield self

        @way.decorate
        @classmethod
        def walk_class(cls) -> Any:
            clock.advance(1)
            yield cls

        @staticmethod
        @way.decorate
        async def steps() -> Any:
            clock.advance(1)
            yield 3

        @way.decorate
        async def __call__(self) -> Any:
            clock.advance(1)
            yield self

    shop = Shop()
    assert (list(shop.walk()), list(shop.walk_class())) == ([shop], [Shop])
    assert (_collected(Shop.steps()), _collected(shop())) == ([3], [shop])
    assert inspect.isgeneratorfunction(Shop.walk_class)
    assert inspect.isasyncgenfunction(shop.steps)
    assert way.state == (4, 4, 0, 0)


def test_callable_objects_and_partials_that_are_generators(way, clock):
    class Walk:
        def __call__(self, steps: int) -> Any:
            clock.advance(1)
            yield from range(steps)

    class AsyncWalk:
        async def __call__(self, steps: int) -> Any:
            clock.advance(1)
            for step in range(steps):
                yield step

    for target in (Walk(), functools.partial(Walk())):
        decorated = way.decorate(target)
        assert inspect.isgeneratorfunction(decorated)
        assert list(decorated(2)) == [0, 1]
    for target in (AsyncWalk(), functools.partial(AsyncWalk())):
        decorated = way.decorate(target)
        assert inspect.isasyncgenfunction(decorated)
        assert _collected(decorated(2)) == [0, 1]
    assert way.state == (4, 4, 0, 0)


def test_context_managers_made_of_decorated_generators(way, clock):
    @contextlib.contextmanager
    @way.decorate
    def block() -> Any:
        try:
            yield "value"
        finally:
            clock.advance(1)

    with block() as value:
        clock.advance(2)
    assert value == "value"
    with pytest.raises(ValueError, match="out"), block():
        raise ValueError("out")
    assert way.state == (2, 4, 0, 0)
    assert way.read("errors", error_type="ValueError") == 1


# Asynchronous


@types.coroutine
def _pause() -> Any:
    yield


def _collected(made: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [item async for item in made]

    return asyncio.run(collect())


def test_an_async_generator_is_timed_from_its_first_step_to_its_last(way, clock, run):
    @way.decorate
    async def f() -> Any:
        clock.advance(1)
        await asyncio.sleep(0)
        got = yield "a"
        clock.advance(2)
        yield got
        clock.advance(4)

    async def main() -> None:
        made = f()
        clock.advance(100)
        assert way.state == (0, 0, 0, 0)
        assert await made.__anext__() == "a"
        assert (way.read("inside"), way.read("oldest")) == (1, 1)
        clock.advance(10)
        assert await made.asend("sent") == "sent"
        with pytest.raises(StopAsyncIteration):
            await made.__anext__()

    run(main())
    assert way.state == (1, 17, 0, 0)


def test_an_async_generator_that_is_never_started_is_not_recorded(way, run):
    @way.decorate
    async def f() -> Any:
        yield

    async def main() -> None:
        await f().aclose()
        f()

    run(main())
    assert way.state == (0, 0, 0, 0)


def test_aclose_athrow_and_aclosing(way, clock, run):
    @way.decorate
    async def f() -> Any:
        try:
            while True:
                try:
                    yield
                except ValueError:
                    yield "caught"
        finally:
            await asyncio.sleep(0)
            clock.advance(1)

    async def main() -> None:
        made = f()
        await made.__anext__()
        assert await made.athrow(ValueError()) == "caught"
        await made.aclose()
        async with contextlib.aclosing(f()) as closing:
            async for _ in closing:
                break
        thrown = f()
        await thrown.__anext__()
        error = KeyError("k")
        with pytest.raises(KeyError) as caught:
            await thrown.athrow(error)
        assert caught.value is error
        assert caught.value.__context__ is None
        error.__traceback__ = None

    run(main())
    assert way.state == (3, 3, 2, 0)
    assert way.read("errors", error_type="KeyError") == 1


def test_an_async_generator_left_early_is_closed_by_the_loop(way, clock, run):
    failures: list[dict[str, Any]] = []

    @way.decorate
    async def f() -> Any:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            clock.advance(1)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: failures.append(context)
        )
        async for _ in f():
            break
        for _ in range(5):
            await asyncio.sleep(0)

    run(main())
    assert failures == []
    assert way.state == (1, 1, 1, 0)


def test_async_generators_left_open_are_closed_when_the_loop_shuts_down(way, clock, run):
    failures: list[dict[str, Any]] = []
    closed: list[int] = []

    @way.decorate
    async def f(number: int) -> Any:
        try:
            yield
            yield
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            clock.advance(1)
            closed.append(number)

    kept: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: failures.append(context)
        )
        for number in range(5):
            kept.append(f(number))
            await kept[-1].__anext__()

    run(main())
    assert failures == []
    assert sorted(closed) == [0, 1, 2, 3, 4]
    count, _, cancelled, inside = way.state
    assert (count, cancelled, inside) == (5, 5, 0)


def test_an_async_generator_in_a_reference_cycle_cleans_up_in_its_loop(way, run):
    failures: list[dict[str, Any]] = []
    cleaned: list[str] = []

    @way.decorate
    async def f(box: list[Any]) -> Any:
        try:
            yield
        finally:
            await asyncio.sleep(0)
            cleaned.append("up")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: failures.append(context)
        )
        box: list[Any] = []
        box.append(f(box))
        await box[0].__anext__()
        del box
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)

    run(main())
    assert (failures, cleaned) == ([], ["up"])
    count, _, cancelled, inside = way.state
    assert (count, cancelled, inside) == (1, 1, 0)


def test_a_cancelled_task_inside_an_async_generator(way, clock, run):
    @way.decorate
    async def f() -> Any:
        yield 1
        await asyncio.sleep(3600)

    async def consume() -> None:
        async for _ in f():
            clock.advance(1)

    async def main() -> None:
        task = asyncio.ensure_future(consume())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert way.state == (1, 1, 1, 0)


def test_async_context_managers_made_of_decorated_generators(way, clock, run):
    @contextlib.asynccontextmanager
    @way.decorate
    async def block() -> Any:
        await asyncio.sleep(0)
        try:
            yield "value"
        finally:
            clock.advance(1)

    async def main() -> None:
        async with block() as value:
            assert value == "value"
        with pytest.raises(ValueError, match="out"):
            async with block():
                raise ValueError("out")

    run(main())
    assert way.state == (2, 2, 0, 0)


# The same as undecorated


class Own(Exception):
    pass


def echoes() -> Any:
    got = yield "first"
    while True:
        got = yield got


def ends() -> Any:
    got = yield 1
    return got


def catches() -> Any:
    for number in range(6):
        try:
            yield number
        except (ValueError, KeyboardInterrupt) as error:
            yield type(error).__name__


def ignores_its_end() -> Any:
    for number in range(3):
        try:
            yield number
        except GeneratorExit:
            yield "ignored"
    return "end"


def returns_when_closed() -> Any:
    try:
        while True:
            yield 1
    except GeneratorExit:
        return "closed"


def raises_when_closed() -> Any:
    try:
        while True:
            yield 1
    finally:
        raise Own("in finally")


def raises() -> Any:
    yield 1
    raise Own("own")


def raises_stop() -> Any:
    try:
        yield 1
    except ValueError:
        raise StopIteration(5) from None
    yield 2


def translates() -> Any:
    try:
        yield 1
    except BaseException as error:
        raise Own("translated") from error


def delegates() -> Any:
    result = yield from catches()
    yield ("delegated", result)
    try:
        yield from returns_when_closed()
    finally:
        yield "once more"


def empty() -> Any:
    return "nothing"
    yield


async def async_echoes() -> Any:
    got = yield "first"
    while True:
        await _pause()
        got = yield got


async def async_ends() -> Any:
    yield 1


async def async_catches() -> Any:
    for number in range(6):
        try:
            yield number
        except (ValueError, KeyboardInterrupt) as error:
            await _pause()
            yield type(error).__name__


async def async_ignores_its_end() -> Any:
    # Once only: what `aclose` has given up on is closed again when it is freed.
    try:
        yield 1
    except GeneratorExit:
        yield "ignored"
    yield 2


async def async_returns_when_closed() -> Any:
    try:
        while True:
            yield 1
    except GeneratorExit:
        await _pause()


async def async_raises_when_closed() -> Any:
    try:
        while True:
            yield 1
    finally:
        await _pause()
        raise Own("in finally")


async def async_raises() -> Any:
    yield 1
    await _pause()
    raise Own("own")


async def async_raises_stop() -> Any:
    try:
        yield 1
    except ValueError:
        raise StopAsyncIteration from None
    yield 2


async def async_translates() -> Any:
    try:
        yield 1
    except BaseException as error:
        raise Own("translated") from error


async def async_empty() -> Any:
    return
    yield


BODIES = (
    *(echoes, ends, catches, ignores_its_end, returns_when_closed, raises_when_closed),
    *(raises, raises_stop, translates, delegates, empty),
)
ASYNC_BODIES = (
    *(async_echoes, async_ends, async_catches, async_ignores_its_end),
    *(async_returns_when_closed, async_raises_when_closed, async_raises),
    *(async_raises_stop, async_translates, async_empty),
)

THROWN = (ValueError, KeyError, KeyboardInterrupt, GeneratorExit, StopIteration)

STEPS = st.lists(
    st.one_of(
        st.just(("next",)),
        st.tuples(st.just("send"), st.sampled_from([None, 1, "x"])),
        st.tuples(st.just("throw"), st.sampled_from(THROWN)),
        st.just(("close",)),
    ),
    max_size=12,
)


def _told(error: BaseException | None) -> Any:
    """An exception with all that it came from."""
    if error is None:
        return None
    return (
        *(type(error), error.args, error.__suppress_context__),
        *(_told(error.__cause__), _told(error.__context__)),
    )


def _observed(act: Callable[[], Any]) -> Any:
    try:
        return "gave", act()
    except BaseException as error:
        return "raised", _told(error)


def _stepped(made: Any, step: tuple[Any, ...]) -> Any:
    match step:
        case ("next",):
            return _observed(lambda: next(made))
        case ("send", value):
            return _observed(lambda: made.send(value))
        case ("throw", kind):
            return _observed(lambda: made.throw(kind("thrown")))
    return _observed(made.close)


def _finished(awaitable: Any) -> Any:
    async def wait() -> Any:
        return await awaitable

    waiting, pauses = wait(), 0
    while True:
        try:
            waiting.send(None)
        except StopIteration as stop:
            return stop.value, pauses
        pauses += 1


def _async_stepped(made: Any, step: tuple[Any, ...]) -> Any:
    match step:
        case ("next",):
            return _observed(lambda: _finished(made.__anext__()))
        case ("send", value):
            return _observed(lambda: _finished(made.asend(value)))
        case ("throw", kind):
            return _observed(lambda: _finished(made.athrow(kind("thrown"))))
    return _observed(lambda: _finished(made.aclose()))


def _drained(made: Any, step: Callable[[Any, Any], Any]) -> list[Any]:
    # None of the bodies ignores its end for ever.
    return [step(made, ("close",)) for _ in range(5)]


@settings(max_examples=300)
@given(body=st.sampled_from(BODIES), steps=STEPS)
def test_a_decorated_generator_does_what_the_undecorated_does(ways, body, steps):
    plain = body()
    expected = [_stepped(plain, step) for step in steps] + _drained(plain, _stepped)
    for way in ways:
        made = way.decorate(body)()
        assert [_stepped(made, step) for step in steps] + _drained(made, _stepped) == expected


@settings(max_examples=300)
@given(body=st.sampled_from(ASYNC_BODIES), steps=STEPS)
def test_a_decorated_async_generator_does_what_the_undecorated_does(ways, body, steps):
    plain = body()
    expected = [_async_stepped(plain, step) for step in steps]
    expected += _drained(plain, _async_stepped)
    for way in ways:
        made = way.decorate(body)()
        got = [_async_stepped(made, step) for step in steps] + _drained(made, _async_stepped)
        assert got == expected


@pytest.mark.parametrize("body", ASYNC_BODIES)
def test_a_loop_over_an_async_generator_takes_the_same_items(ways, body):
    async def some(made: Any) -> list[Any]:
        items = []
        with contextlib.suppress(Own, RuntimeError):
            async for item in made:
                items.append(item)
                if len(items) == 4:
                    break
        with contextlib.suppress(Own, RuntimeError):
            await made.aclose()
        await made.aclose()
        return items

    expected = _finished(some(body()))
    for way in ways:
        assert _finished(some(way.decorate(body)())) == expected
