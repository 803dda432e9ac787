"""`operation` as a decorator of functions and coroutine functions."""

from __future__ import annotations

import abc
import asyncio
import functools
import inspect
import operator
import pickle
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

import pytest

import vitalspan as vs

_default_clock = vs.ManualClock()


class PaymentError(Exception):
    pass


class _Calls:
    """What the registry says of one operation."""

    def __init__(self, sample: Callable[..., float | None], operation: str, **labels: str) -> None:
        self._sample, self._labels = sample, {"operation": operation, **labels}

    def __getattr__(self, name: str) -> float | None:
        names = {
            "count": "operation_duration_seconds_count",
            "seconds": "operation_duration_seconds_sum",
            "cancelled": "operation_cancellations_total",
            "inside": "operation_in_progress",
            "oldest": "operation_oldest_in_progress_seconds",
        }
        return self._sample(names[name], **self._labels)

    def errors(self, error_type: str) -> float | None:
        return self._sample("operation_errors_total", error_type=error_type, **self._labels)


@pytest.fixture
def calls(sample: Callable[..., float | None]) -> Callable[..., _Calls]:
    return functools.partial(_Calls, sample)


# What is recorded


def test_a_function_is_timed_from_call_to_return(monitor, clock, calls):
    @monitor.operation("f")
    def f(x: int) -> int:
        clock.advance(0.25)
        return x + 1

    assert [f(1), f(x=2)] == [2, 3]
    assert (calls("f").count, calls("f").seconds, calls("f").inside) == (2, 0.5, 0)


def test_a_coroutine_is_timed_from_its_first_step_to_its_last(monitor, clock, calls, run):
    @monitor.operation("f")
    async def f() -> str:
        clock.advance(1)
        await asyncio.sleep(0)
        clock.advance(2)
        return "done"

    async def main() -> str:
        made = f()
        clock.advance(100)
        return await made

    assert run(main()) == "done"
    assert (calls("f").count, calls("f").seconds) == (1, 3)


def test_a_coroutine_that_is_never_awaited_is_not_recorded(monitor, calls):
    @monitor.operation("f")
    async def f() -> None: ...

    f().close()
    assert calls("f").count == 0
    assert calls("f").inside == 0


def test_bare_options_and_name(monitor, clock, calls, sample):
    @monitor.operation
    def bare() -> None:
        clock.advance(1)

    @monitor.operation()
    def called() -> None:
        clock.advance(2)

    @monitor.operation(component="shop", labels={"tier": "gold"})
    def with_options() -> None:
        clock.advance(3)

    @monitor.operation("named", component="shop")
    def named() -> None:
        clock.advance(4)

    for function in (bare, called, with_options, named):
        function()
    here = test_bare_options_and_name.__qualname__ + ".<locals>."
    assert calls(here + "bare").seconds == 1
    assert calls(here + "called").seconds == 2
    assert calls(here + "with_options", component="shop", tier="gold").seconds == 3
    assert calls("named", component="shop").seconds == 4


def test_one_named_operation_decorates_many_functions(monitor, clock, calls):
    step = monitor.operation("step")

    @step
    def one() -> None:
        clock.advance(1)

    @step
    def two() -> None:
        clock.advance(2)

    one()
    two()
    with step:
        clock.advance(4)
    assert (calls("step").count, calls("step").seconds) == (3, 7)


def test_recursion_counts_every_level(monitor, clock, calls, sample):
    seen: list[float | None] = []

    @monitor.operation("f")
    def f(depth: int) -> None:
        clock.advance(1)
        if depth:
            f(depth - 1)
        else:
            seen.extend([calls("f").inside, calls("f").oldest])

    f(2)
    assert seen == [3, 3]
    assert (calls("f").count, calls("f").seconds) == (3, 1 + 2 + 3)
    assert calls("f").inside == 0


@pytest.mark.parametrize("resources", [True, False])
def test_at_the_recursion_limit_nothing_stays_in_progress_and_no_call_is_lost(
    registry, calls, resources
):
    monitor = vs.Monitor(registry=registry, system_metrics=False)
    entered = []

    @monitor.operation("f", resources=resources)
    def f(depth: int) -> Any:
        entered.append(depth)
        return f(depth + 1)

    @monitor.operation("walk", resources=resources)
    def walk(depth: int) -> Any:
        yield from walk(depth + 1)

    for _ in range(3):
        with pytest.raises(RecursionError):
            f(0)
        with pytest.raises(RecursionError):
            next(walk(0))
    assert calls("f").inside == calls("walk").inside == 0
    # The innermost call of all has no room to begin its body.
    assert calls("f").count - len(entered) in (0, 1, 2, 3)
    assert calls("f").errors("RecursionError") > 0.9 * calls("f").count
    monitor.close()


def test_stacked_operations_each_record(monitor, clock, calls, run):
    @monitor.operation("outer")
    @monitor.operation("inner")
    def f() -> None:
        clock.advance(1)

    @monitor.operation("async_outer")
    @monitor.operation("async_inner")
    async def g() -> None:
        clock.advance(2)

    f()
    run(g())
    assert inspect.iscoroutinefunction(g)
    assert [calls(n).seconds for n in ("outer", "inner", "async_outer", "async_inner")] == [
        *(1, 1),
        *(2, 2),
    ]


# Every kind of callable


def test_methods_and_both_orders_of_classmethod_and_staticmethod(monitor, clock, calls):
    class Shop:
        @monitor.operation("method")
        def method(self) -> Any:
            clock.advance(1)
            return self

        @monitor.operation("class_above")
        @classmethod
        def class_above(cls) -> Any:
            clock.advance(2)
            return cls

        @classmethod
        @monitor.operation("class_below")
        def class_below(cls) -> Any:
            clock.advance(3)
            return cls

        @monitor.operation("static_above")
        @staticmethod
        def static_above(x: int) -> int:
            clock.advance(4)
            return x

        @staticmethod
        @monitor.operation("static_below")
        def static_below(x: int) -> int:
            clock.advance(5)
            return x

        @property
        @monitor.operation("read")
        def read(self) -> int:
            clock.advance(6)
            return 7

    class Branch(Shop):
        pass

    shop = Branch()
    assert shop.method() is shop
    assert (Branch.class_above(), Branch.class_below()) == (Branch, Branch)
    assert (shop.static_above(1), Shop.static_below(2), shop.read) == (1, 2, 7)
    names = ("method", "class_above", "class_below", "static_above", "static_below", "read")
    assert [calls(name).seconds for name in names] == [1, 2, 3, 4, 5, 6]
    assert isinstance(inspect.getattr_static(Shop, "class_above"), classmethod)
    assert isinstance(inspect.getattr_static(Shop, "static_above"), staticmethod)


def test_async_methods_in_both_orders(monitor, clock, calls, run):
    class Shop:
        @monitor.operation("method")
        async def method(self) -> None:
            clock.advance(1)

        @monitor.operation("class_above")
        @classmethod
        async def class_above(cls) -> None:
            clock.advance(2)

        @staticmethod
        @monitor.operation("static_below")
        async def static_below() -> None:
            clock.advance(3)

    async def main() -> None:
        await Shop().method()
        await Shop.class_above()
        await Shop.static_below()

    run(main())
    assert [calls(n).seconds for n in ("method", "class_above", "static_below")] == [1, 2, 3]
    assert inspect.iscoroutinefunction(Shop.class_above)


def test_functools_partial(monitor, clock, calls, run):
    def f(a: int, b: int) -> int:
        clock.advance(a)
        return a + b

    async def g(a: int) -> int:
        clock.advance(a)
        return a

    class Worker:
        async def __call__(self, a: int) -> int:
            clock.advance(a)
            return a

    half = functools.partial(functools.partial(f, 3), b=4)
    assert monitor.operation("f")(half)() == 7
    decorated = monitor.operation("g")(functools.partial(g, 5))
    assert inspect.iscoroutinefunction(decorated)
    assert run(decorated()) == 5
    assert run(monitor.operation("worker")(functools.partial(Worker(), 6))()) == 6
    assert [calls(name).seconds for name in ("f", "g", "worker")] == [3, 5, 6]
    monitor.operation(half)()
    assert calls(f.__qualname__).seconds == 3


def test_partialmethod_of_a_decorated_method(monitor, clock, calls):
    class Shop:
        @monitor.operation("sell")
        def sell(self, seconds: int) -> int:
            clock.advance(seconds)
            return seconds

        sell_slowly = functools.partialmethod(sell, 9)

    assert Shop().sell_slowly() == 9
    assert calls("sell").seconds == 9


def test_callable_objects(monitor, clock, calls, run):
    class Job:
        """A job."""

        def __init__(self) -> None:
            self.seconds = 2

        def __call__(self, more: int = 0) -> int:
            clock.advance(self.seconds + more)
            return self.seconds

    class AsyncJob:
        async def __call__(self) -> str:
            clock.advance(4)
            return "async"

    class DescribedJob(AsyncJob):
        # A descriptor looks like a method to `inspect.isroutine`.
        def __get__(self, instance: object, owner: object = None) -> Any:
            return self

    class Slotted:
        __slots__ = ()

        def __call__(self) -> str:
            return "slotted"

    assert monitor.operation("job")(Job())(1) == 2
    asynchronous = monitor.operation("async_job")(AsyncJob())
    described = monitor.operation("described")(DescribedJob())
    assert inspect.iscoroutinefunction(asynchronous)
    assert inspect.iscoroutinefunction(described)
    assert (run(asynchronous()), run(described())) == ("async", "async")
    assert monitor.operation("slotted")(Slotted())() == "slotted"
    assert [calls(n).seconds for n in ("job", "async_job", "described")] == [3, 4, 4]
    unnamed = monitor.operation(Job())
    unnamed()
    assert calls(Job.__qualname__).seconds == 2
    assert list(inspect.signature(unnamed).parameters) == ["more"]


def test_lambdas_builtins_bound_methods_and_caches(monitor, clock, calls):
    assert monitor.operation("lambda")(lambda x: clock.advance(x) or x)(2) == 2
    assert monitor.operation(len)("abc") == 3
    assert monitor.operation("".join)(["a", "b"]) == "ab"
    assert monitor.operation(operator.itemgetter(0))("ab") == "a"
    assert monitor.operation("bound")([3, 1].index)(1) == 1

    @monitor.operation("cached")
    @functools.lru_cache
    def cached(x: int) -> int:
        clock.advance(x)
        return x

    assert [cached(5), cached(5)] == [5, 5]
    assert (calls("cached").count, calls("cached").seconds) == (2, 5)
    assert calls("lambda").seconds == 2
    assert [calls(n).count for n in ("len", "str.join", "itemgetter", "bound")] == [1, 1, 1, 1]


def test_generator_based_coroutines_stay_awaitable(monitor, clock, calls, run):
    @monitor.operation("old")
    @types.coroutine
    def old() -> Any:
        clock.advance(1)
        yield from asyncio.sleep(0).__await__()
        clock.advance(2)
        return "old"

    async def main() -> Any:
        return await old()

    assert run(main()) == "old"
    assert (calls("old").count, calls("old").seconds) == (1, 3)


@pytest.mark.parametrize("resources", [True, False])
def test_coroutine_functions_that_return_any_awaitable(monitor, clock, calls, run, resources):
    class Answer:
        def __await__(self) -> Any:
            clock.advance(3)
            return iter(())

    def answer() -> Answer:
        return Answer()

    async def awaited() -> None:
        await Answer()

    # Newer interpreters can mark a function that returns an awaitable.
    mark = getattr(inspect, "markcoroutinefunction", lambda _: awaited)
    marked = monitor.operation("marked", resources=resources)(mark(answer))

    async def main() -> None:
        await marked()

    run(main())
    assert (calls("marked").count, calls("marked").seconds) == (1, 3)


@pytest.mark.parametrize("resources", [True, False])
def test_a_function_with_every_kind_of_parameter_passes_through(monitor, resources):
    @monitor.operation("f", resources=resources)
    def f(a, /, b, *rest, c=3, **more):
        return a, b, rest, c, more

    assert f(1, 2, 4, c=5, site=6, func=7) == (1, 2, (4,), 5, {"site": 6, "func": 7})
    with pytest.raises(TypeError, match="missing 2 required"):
        f()


# What the wrapper looks like


def test_the_wrapper_looks_like_the_original(monitor):
    def f(a: int, *, b: str = "x") -> float:
        """Say f."""

    f.__dict__["mark"] = 1

    async def g() -> None: ...

    def h() -> Any:
        yield

    async def k() -> Any:
        yield

    for original in (f, g, h, k):
        for options in ({}, {"resources": False}, {"resources": True}):
            wrapper = monitor.operation("x", **options)(original)
            assert wrapper.__wrapped__ is original
            assert inspect.signature(wrapper) == inspect.signature(original)
            for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__"):
                assert getattr(wrapper, name) == getattr(original, name)
            for kind in (
                inspect.iscoroutinefunction,
                inspect.isgeneratorfunction,
                inspect.isasyncgenfunction,
            ):
                assert kind(wrapper) is kind(original)
    assert monitor.operation(f).mark == 1


def test_iterators_are_named_like_the_original(monitor):
    async def fetch() -> None: ...

    def walk() -> Any:
        yield

    made = monitor.operation(fetch)()
    assert (made.__name__, made.__qualname__) == ("fetch", fetch.__qualname__)
    made.close()
    assert monitor.operation(walk)().__qualname__ == walk.__qualname__


@pytest.fixture(scope="module")
def module_monitor():
    from prometheus_client import CollectorRegistry

    monitor = vs.Monitor(registry=CollectorRegistry(), clock=_default_clock, system_metrics=False)
    yield monitor
    monitor.close()


def _pickled(x: int) -> int:
    return x + 1


def test_pickling_is_by_name(module_monitor, monkeypatch):
    module = sys.modules[__name__]
    original = _pickled
    decorated = module_monitor.operation("pickled")(original)
    monkeypatch.setattr(module, "_pickled", decorated)
    copy = pickle.loads(pickle.dumps(decorated))
    assert copy is decorated
    assert copy(1) == 2


def test_abstract_methods_stay_abstract(monitor):
    class Base(abc.ABC):
        @monitor.operation("a")
        @abc.abstractmethod
        def a(self) -> None: ...

        @monitor.operation("b")
        @classmethod
        @abc.abstractmethod
        def b(cls) -> None: ...

    assert Base.__abstractmethods__ == {"a", "b"}
    with pytest.raises(TypeError, match="abstract"):
        Base()


def test_the_default_name_is_the_qualified_name(monitor, clock, calls):
    class Shop:
        @monitor.operation
        def sell(self) -> None:
            clock.advance(1)

    Shop().sell()
    assert calls(Shop.sell.__qualname__).seconds == 1
    assert Shop.sell.__qualname__.endswith("<locals>.Shop.sell")


# What is refused


def test_a_class_is_refused_with_what_to_do(monitor):
    class Shop:
        pass

    for decorate in (monitor.operation, monitor.operation("x"), monitor.operation()):
        with pytest.raises(TypeError, match=r"class .*Shop: decorate its methods"):
            decorate(Shop)


def test_a_property_is_refused_with_what_to_do(monitor):
    with pytest.raises(TypeError, match="below @property"):
        monitor.operation("x")(property(lambda self: 1))
    with pytest.raises(TypeError, match="below @property"):
        monitor.operation("x")(functools.cached_property(lambda self: 1))


@pytest.mark.parametrize("target", [5, b"name", functools.partialmethod(len), ["f"]])
def test_what_is_not_callable_is_refused_with_what_to_do(monitor, target):
    with pytest.raises(TypeError, match=r"decorates functions, not \w+: decorate the function"):
        monitor.operation(target)
    with pytest.raises(TypeError, match="decorates functions"):
        monitor.operation("x")(target)


# Switching off


def test_enabled_false_returns_the_very_same_object(monitor, calls):
    def f() -> None: ...

    class Shop:
        pass

    bound = classmethod(f)
    assert monitor.operation("f", enabled=False)(f) is f
    assert monitor.operation(enabled=False)(f) is f
    assert monitor.operation(enabled=False)(bound) is bound
    assert monitor.operation("x", enabled=False)(Shop) is Shop
    assert calls("f").count is None


def test_disable_and_enable_at_run_time(monitor, clock, calls, run):
    @monitor.operation("f")
    def f() -> str:
        clock.advance(1)
        return "f"

    @monitor.operation("f")
    async def g() -> str:
        clock.advance(1)
        return "g"

    f()
    monitor.disable()
    assert (f(), run(g()), monitor.enabled) == ("f", "g", False)
    with monitor.operation("f") as call:
        call.add("items")
        call.set_attribute("a", 1)
    monitor.enable()
    f()
    assert (calls("f").count, calls("f").seconds) == (2, 2)
    assert len(monitor.recent_calls()) == 2


@pytest.mark.parametrize("resources", [False, True])
def test_calls_in_progress_across_the_switch(monitor, clock, calls, resources, run):
    option = {"resources": resources}

    @monitor.operation("begun_enabled", **option)
    def begun_enabled() -> None:
        monitor.disable()
        clock.advance(1)

    @monitor.operation("begun_disabled", **option)
    def begun_disabled() -> None:
        monitor.enable()
        clock.advance(2)

    @monitor.operation("generated", **option)
    def generated() -> Any:
        yield 1
        clock.advance(4)
        yield 2

    @monitor.operation("awaited", **option)
    async def awaited() -> None:
        await asyncio.sleep(0)
        monitor.disable()
        await asyncio.sleep(0)
        clock.advance(8)

    begun_enabled()
    before = generated()
    next(before)
    begun_disabled()
    during = generated()
    next(during)
    monitor.disable()
    assert (list(before), list(during)) == ([2], [2])
    monitor.enable()
    run(awaited())
    assert (calls("begun_enabled").count, calls("begun_enabled").seconds) == (1, 1)
    assert calls("begun_disabled").count == 0
    # One began while recording was off, the other while it was on and ended while it was off.
    assert (calls("generated").count, calls("generated").seconds) == (1, 8)
    assert (calls("awaited").count, calls("awaited").seconds) == (1, 8)
    for name in ("begun_enabled", "begun_disabled", "generated", "awaited"):
        assert calls(name).inside == 0


def test_a_monitor_that_is_made_disabled_records_once_enabled(clock, registry, calls):
    monitor = vs.Monitor(registry=registry, clock=clock, enabled=False, system_metrics=False)
    f = monitor.operation("f")(lambda: clock.advance(1))
    f()
    assert calls("f").count == 0
    monitor.enable()
    f()
    assert calls("f").count == 1
    monitor.close()


# Outcomes


@pytest.mark.parametrize("resources", [False, True])
@pytest.mark.parametrize(
    ("error", "error_type"),
    [
        (ValueError("v"), "ValueError"),
        (PaymentError("p"), f"{__name__}.PaymentError"),
        (SystemExit(3), "SystemExit"),
        (SystemExit("no disk"), "SystemExit"),
    ],
)
def test_errors_are_counted_and_raised_as_they_are(
    monitor, clock, calls, error, error_type, resources
):
    @monitor.operation("f", resources=resources)
    def f() -> None:
        clock.advance(1)
        raise error

    outer = LookupError()
    try:
        raise outer
    except LookupError:
        with pytest.raises(type(error)) as caught:
            f()
    assert caught.value is error
    assert caught.value.__context__ is outer
    assert caught.value.__cause__ is None
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert frames[-1] == "f"
    assert frames.count("f") == 1
    assert frames[0] == "test_errors_are_counted_and_raised_as_they_are"
    assert (calls("f").count, calls("f").seconds, calls("f").inside) == (1, 1, 0)
    assert calls("f").errors(error_type) == 1
    assert calls("f").cancelled == 0
    assert monitor.recent_calls()[-1].error_type == error_type
    error.__traceback__ = error.__context__ = None


@pytest.mark.parametrize("resources", [False, True])
def test_errors_of_coroutines(monitor, clock, calls, run, resources):
    error = PaymentError("declined")

    @monitor.operation("f", resources=resources)
    async def f() -> None:
        clock.advance(1)
        await asyncio.sleep(0)
        raise error

    with pytest.raises(PaymentError) as caught:
        run(f())
    assert caught.value is error
    assert caught.value.__context__ is None
    assert traceback.extract_tb(error.__traceback__)[-1].name == "f"
    assert calls("f").errors(f"{__name__}.PaymentError") == 1
    assert (calls("f").seconds, calls("f").inside) == (1, 0)


@pytest.mark.parametrize("resources", [False, True])
def test_a_cancelled_task_is_neither_success_nor_error(monitor, clock, calls, run, resources):
    @monitor.operation("f", resources=resources)
    async def f() -> None:
        clock.advance(1)
        try:
            await asyncio.sleep(3600)
        finally:
            clock.advance(2)

    async def main() -> None:
        task = asyncio.ensure_future(f())
        await asyncio.sleep(0)
        assert calls("f").inside == 1
        task.cancel("reason")
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(f(), timeout=0.001)

    run(main())
    assert (calls("f").count, calls("f").seconds, calls("f").inside) == (2, 6, 0)
    assert calls("f").cancelled == 2
    assert calls("f").errors("CancelledError") is None
    assert calls("f").errors("asyncio.exceptions.CancelledError") is None
    assert [call.outcome for call in monitor.recent_calls()] == ["cancelled"] * 2


def test_a_coroutine_that_swallows_its_cancellation_succeeds(monitor, calls, run):
    @monitor.operation("f")
    async def f() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return "kept"
        return "never"

    async def main() -> Any:
        task = asyncio.ensure_future(f())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert run(main()) == "kept"
    assert (calls("f").count, calls("f").cancelled) == (1, 0)


@pytest.mark.parametrize("resources", [False, True])
def test_a_closed_coroutine_is_a_cancellation(monitor, calls, resources):
    @types.coroutine
    def pause() -> Any:
        yield

    @monitor.operation("f", resources=resources)
    async def f() -> None:
        await pause()

    made = f()
    made.send(None)
    assert calls("f").inside == 1
    made.close()
    assert (calls("f").inside, calls("f").cancelled, calls("f").count) == (0, 1, 1)


def test_a_name_that_only_looks_like_a_cancellation_is_an_error(monitor, calls, monkeypatch):
    # Stubs of libraries that are not installed stand in `sys.modules` in documentation builds.
    monkeypatch.setitem(sys.modules, "trio", types.SimpleNamespace(Cancelled=object()))

    @monitor.operation("f")
    def f() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        f()
    assert calls("f").errors("LookupError") == 1


def test_an_exception_that_raises_when_looked_at_goes_on_as_it_is(traced, calls, spans):
    class Hostile(Exception):
        @property
        def __class__(self) -> Any:
            raise LookupError("no class")

        def __str__(self) -> str:
            raise LookupError("no text")

    error = Hostile()

    @traced.operation("f")
    def f() -> None:
        raise error

    caught = None
    try:
        f()
    except BaseException as raised:
        # Not by `pytest.raises`, which looks at it.
        caught = raised
    assert caught is error
    (call,) = traced.recent_calls()
    assert call.error_type == f"{__name__}.{Hostile.__qualname__}"
    (span,) = spans.get_finished_spans()
    assert span.attributes["error.type"] == call.error_type
    assert span.status.status_code.name == "ERROR"


def test_more_error_types_than_a_series_takes_are_other(monitor, calls):
    @monitor.operation("f")
    def f(number: int) -> None:
        raise type(f"E{number}", (Exception,), {"__module__": "m"})

    for number in range(25):
        with pytest.raises(Exception, match=r"^$"):
            f(number)
    assert calls("f").errors("m.E0") == 1
    assert calls("f").errors("m.E19") == 1
    assert calls("f").errors("m.E20") is None
    assert calls("f").errors("_OTHER") == 5
    assert calls("f").count == 25


def test_a_stuck_call_shows_its_age_while_it_is_stuck(monitor, clock, calls):
    entered, release = threading.Event(), threading.Event()

    @monitor.operation("stuck")
    def stuck() -> None:
        entered.set()
        assert release.wait(60)

    thread = threading.Thread(target=stuck)
    thread.start()
    assert entered.wait(60)
    clock.advance(90)
    assert (calls("stuck").inside, calls("stuck").oldest, calls("stuck").count) == (1, 90, 0)
    clock.advance(10)
    assert calls("stuck").oldest == 100
    release.set()
    thread.join(60)
    assert (calls("stuck").inside, calls("stuck").oldest) == (0, 0)
    assert (calls("stuck").count, calls("stuck").seconds) == (1, 100)


def test_a_stuck_task_shows_its_age_while_others_come_and_go(monitor, clock, calls, run):
    @monitor.operation("f")
    async def f(waiting: Any = None) -> None:
        if waiting is not None:
            await waiting

    async def main() -> None:
        release = asyncio.Event()
        task = asyncio.ensure_future(f(release.wait()))
        await asyncio.sleep(0)
        for _ in range(300):
            clock.advance(1)
            await f()
        assert (calls("f").inside, calls("f").oldest, calls("f").count) == (1, 300, 300)
        release.set()
        await task

    run(main())
    assert (calls("f").inside, calls("f").count, calls("f").seconds) == (0, 301, 300)


# Slow calls


def test_a_slow_call_is_kept_at_once(traced, clock, spans):
    @traced.operation(
        "report", slow=2, labels={"kind": "daily"}, attributes={"a": 1}, resources=False
    )
    def report(seconds: float) -> None:
        clock.advance(seconds)

    report(1.9)
    assert traced.slow_calls() == []
    report(2.5)
    (slow,) = traced.slow_calls()
    span = spans.get_finished_spans()[-1]
    assert (slow.operation, slow.duration, slow.outcome) == ("report", 2.5, "ok")
    assert (slow.labels, slow.attributes) == ({"kind": "daily"}, {"a": 1})
    assert slow.trace_id == f"{span.context.trace_id:032x}"
    assert slow.span_id == f"{span.context.span_id:016x}"
    assert slow.start == clock.wall() - 2.5


def test_slow_calls_that_fail_and_slow_blocks_are_kept_too(monitor, clock, run):
    @monitor.operation("f", slow=1)
    async def f() -> None:
        clock.advance(3)
        raise LookupError

    with pytest.raises(LookupError):
        run(f())
    with monitor.operation("block", slow=1) as call:
        call.set_attribute("page", 3)
        call.add("items", 2)
        clock.advance(2)
    with monitor.operation("block", slow=1):
        clock.advance(1.5)

    @monitor.operation("walk", slow=1)
    def walk() -> Any:
        yield clock.advance(2)

    list(walk())
    failed, block, plain, walked = monitor.slow_calls()
    assert (failed.outcome, failed.error_type, failed.duration) == ("error", "LookupError", 3)
    assert (block.attributes, block.measures, block.duration) == ({"page": 3}, {"items": 2}, 2)
    assert (plain.duration, walked.duration) == (1.5, 2)


def test_slow_calls_are_bounded(clock, registry):
    monitor = vs.Monitor(registry=registry, clock=clock, slow_calls=3, system_metrics=False)
    f = monitor.operation("f", slow=1)(clock.advance)
    for seconds in range(2, 12):
        f(seconds)
    assert [call.duration for call in monitor.slow_calls()] == [9, 10, 11]
    monitor.close()


# Resources


@pytest.fixture
def readings(monkeypatch):
    """Set what a call reads: resident memory and the CPU time of its thread."""
    state = types.SimpleNamespace(rss=1000, cpu=0.0, rss_reads=0)

    def rss(meter: Any) -> int:
        state.rss_reads += 1
        return state.rss

    monkeypatch.setattr("vitalspan.recording.resource_meter.ResourceMeter.rss", rss)
    monkeypatch.setattr("vitalspan.recording.measured_call.thread_cpu", lambda: state.cpu)
    return state


def _work(state: Any, cpu: float, memory: int = 0) -> None:
    state.cpu += cpu
    state.rss += memory


def test_resources_true_measures_every_call(monitor, clock, readings, sample):
    @monitor.operation("f", resources=True)
    def f(memory: int) -> None:
        clock.advance(1e-6)
        _work(readings, 0.5, memory)

    f(300)
    f(-100)
    first, second = monitor.recent_calls()
    assert (first.rss_before, first.rss_after, first.memory_delta) == (1000, 1300, 300)
    assert (first.cpu_seconds, second.cpu_seconds) == (0.5, 0.5)
    assert second.memory_delta == -100
    assert sample("operation_cpu_seconds_total", operation="f") == 1
    assert sample("operation_memory_growth_bytes_total", operation="f") == 300


def test_resources_false_measures_none(monitor, clock, readings, sample):
    f = monitor.operation("f", resources=False)(lambda: clock.advance(100))
    f()
    f()
    with monitor.operation("b", resources=False):
        clock.advance(100)
    assert readings.rss_reads == 0
    assert sample("operation_cpu_seconds_total", operation="f") is None
    assert {call.memory_delta for call in monitor.recent_calls()} == {None}


def test_by_default_the_first_call_and_those_after_long_ones_are_measured(monitor, clock, readings):
    f = monitor.operation("f")(clock.advance)
    durations = [0.0001, 0.0001, 0.0001, 10, 10, 0.0001, 0.0001]
    for seconds in durations:
        f(seconds)
    measured = [call.rss_after is not None for call in monitor.recent_calls()]
    assert measured == [True, False, False, False, True, True, False]


def test_by_default_with_slow_the_next_call_after_a_long_one_is_measured(monitor, clock, readings):
    f = monitor.operation("f", slow=60)(clock.advance)
    for seconds in [0.0001, 0.0001, 10, 10]:
        f(seconds)
    measured = [call.rss_after is not None for call in monitor.recent_calls()]
    assert measured == [True, False, False, True]
    assert monitor.slow_calls() == []


def test_the_cpu_time_of_a_coroutine_is_its_own(monitor, readings, run):
    @monitor.operation("f", resources=True)
    async def f() -> None:
        for _ in range(3):
            _work(readings, 1)
            await asyncio.sleep(0)

    async def other() -> None:
        for _ in range(5):
            _work(readings, 100)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(f(), other(), f())

    run(main())
    assert [call.cpu_seconds for call in monitor.recent_calls()] == [3, 3]


def test_the_cpu_time_of_a_generator_is_its_own(monitor, readings, run):
    @monitor.operation("sync", resources=True)
    def sync() -> Any:
        for _ in range(3):
            _work(readings, 1)
            yield

    @monitor.operation("async", resources=True)
    async def asynchronous() -> Any:
        for _ in range(3):
            _work(readings, 1)
            await asyncio.sleep(0)
            yield

    for _ in sync():
        _work(readings, 100)

    async def main() -> None:
        async for _ in asynchronous():
            _work(readings, 100)

    run(main())
    assert [call.cpu_seconds for call in monitor.recent_calls()] == [3, 3]


def test_the_cpu_time_of_a_block(monitor, readings, run):
    with monitor.operation("sync", resources=True):
        _work(readings, 2, 10)

    async def main() -> None:
        async with monitor.operation("async", resources=True):
            _work(readings, 2, 10)
            await asyncio.sleep(0)

    run(main())
    sync, asynchronous = monitor.recent_calls()
    assert (sync.cpu_seconds, sync.memory_delta) == (2, 10)
    # Other tasks of the thread ran inside it, for all that is known.
    assert (asynchronous.cpu_seconds, asynchronous.memory_delta) == (None, 10)


def test_the_cpu_time_of_a_block_that_changes_threads_is_unknown(monitor, readings, sample):
    block = monitor.operation("block", resources=True)
    readings.cpu = 50.0
    block.__enter__()

    def leave() -> None:
        readings.cpu = 1.0
        block.__exit__(None, None, None)

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join(60)
    (call,) = monitor.recent_calls()
    assert call.cpu_seconds is None
    assert sample("operation_cpu_seconds_total", operation="block") == 0


def test_real_readings_are_plausible(monitor):
    @monitor.operation("f", resources=True)
    def f() -> bytearray:
        return bytearray(8_000_000)

    f()
    (call,) = monitor.recent_calls()
    assert call.rss_before > 1_000_000
    assert call.rss_after - call.rss_before == call.memory_delta
    assert call.cpu_seconds >= 0


def test_resident_memory_by_psutil_where_the_kernel_has_no_file(monitor, monkeypatch):
    monkeypatch.setattr("vitalspan.recording.resource_meter._STATM", "/nonexistent/statm")
    f = monitor.operation("f", resources=True)(lambda: None)
    f()
    (call,) = monitor.recent_calls()
    assert call.rss_before > 1_000_000


@pytest.mark.parametrize("resources", [True, None])
def test_readings_that_fail_do_not_fail_the_call(
    monitor, clock, calls, sample, monkeypatch, resources
):
    def fail(meter: Any) -> int:
        raise PermissionError

    monkeypatch.setattr("vitalspan.recording.resource_meter.ResourceMeter.rss", fail)

    @monitor.operation("f", resources=resources)
    def f() -> str:
        clock.advance(1)
        return "f"

    assert [f(), f(), f()] == ["f"] * 3
    assert (calls("f").count, calls("f").seconds, calls("f").inside) == (3, 3, 0)
    attempts = 3 if resources else 1
    assert sample("vitalspan_internal_errors_total", where="begin") == attempts
    assert sample("vitalspan_internal_errors_total", where="end") == attempts
