"""What decorated functions keep: signature, attributes, binding; and how they are pickled."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import logging
import sys
import types
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.subprograms import run_program

COUNT = "operation_duration_seconds_count"


def quoted(a: int, b: str = "x", *, c: "list[int] | None" = None) -> "str":  # noqa: UP037
    return f"{a}{b}{c}"


def test_the_signature_is_the_functions_own(monitor: vs.Monitor) -> None:
    wrapped = monitor.operation("f")(quoted)
    assert inspect.getfullargspec(wrapped) == inspect.getfullargspec(quoted)
    assert inspect.signature(wrapped) == inspect.signature(quoted)
    assert wrapped.__annotations__ == quoted.__annotations__
    assert get_type_hints(wrapped) == get_type_hints(quoted)

    class Shop:
        @monitor.operation
        def sell(self, item: str, amount: int = 1) -> None: ...

    assert inspect.getfullargspec(Shop().sell).args == ["self", "item", "amount"]
    assert list(inspect.signature(Shop().sell).parameters) == ["item", "amount"]


def test_what_did_not_bind_does_not_bind(monitor: vs.Monitor, sample: Any, run: Any) -> None:
    class Doubler:
        def __call__(self, number: int) -> int:
            return 2 * number

    async def add(a: int, b: int) -> int:
        return a + b

    class V:
        length = monitor.operation("length")(len)
        double = monitor.operation("double")(Doubler())
        one_more = monitor.operation("one_more")(functools.partial(add, 1))

        def own(self, number: int) -> int:
            return number

        own_wrapped = monitor.operation("own")(own)

    assert V().length([1, 2]) == V.length([1]) + 1 == 2
    assert V().double(4) == 8
    assert V().own_wrapped(5) == 5
    assert vars(V)["length"]([1, 2, 3]) == 3
    for name in ("length", "double", "own"):
        assert sample(COUNT, operation=name)
    # From Python 3.14 on, partials bind.
    if sys.version_info < (3, 14):
        assert run(V().one_more(2)) == 3
    assert inspect.iscoroutinefunction(monitor.operation("p")(functools.partial(add, 1)))
    again = monitor.operation("again")(monitor.operation("length")(len))
    assert again([1]) == 1
    assert (sample(COUNT, operation="again"), sample(COUNT, operation="length")) == (1, 4)


def test_attributes_of_what_is_wrapped_are_reached(monitor: vs.Monitor, sample: Any) -> None:
    @monitor.operation("f")
    @functools.lru_cache(maxsize=8)
    def f(number: int) -> int:
        return number

    assert [f(1), f(1), f(2)] == [1, 1, 2]
    assert f.cache_info().hits == 1
    f.cache_clear()
    assert f.cache_info().currsize == 0
    assert f.cache_parameters() == {"maxsize": 8, "typed": False}

    @monitor.operation("g")
    @functools.singledispatch
    def g(value: object) -> str:
        return "object"

    @g.register
    def _(value: int) -> str:
        return "int"

    assert (g("x"), g(1)) == ("object", "int")
    assert sample(COUNT, operation="g") == 2


def test_a_proxy_over_a_classmethod(monitor: vs.Monitor, sample: Any, run: Any) -> None:
    wrapt = pytest.importorskip("wrapt", reason="wrapt is in the group of test packages")
    seen: list[str] = []

    @wrapt.decorator
    def noting(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        seen.append(wrapped.__name__)
        return wrapped(*args, **kwargs)

    class Shop:
        @monitor.operation("open")
        @noting
        @classmethod
        def open(cls, name: str) -> tuple[type, str]:
            return cls, name

        @monitor.operation("close")
        @noting
        @staticmethod
        async def close(name: str) -> str:
            return name

        @monitor.operation("sell")
        @noting
        def sell(self, item: str) -> str:
            return item

    class Market(Shop):
        pass

    assert Market.open("x") == (Market, "x")
    assert Shop().open("y") == (Shop, "y")
    assert run(Shop.close("z")) == "z"
    assert Shop().sell("tea") == "tea"
    assert seen == ["open", "open", "close", "sell"]
    found = [sample(COUNT, operation=name) for name in ("open", "close", "sell")]
    assert found == [2, 1, 1]


def test_a_marked_coroutine_function_is_timed_right(
    monitor: vs.Monitor, clock: vs.ManualClock, sample: Any, run: Any
) -> None:
    async def body() -> int:
        clock.advance(5)
        return 1

    def f() -> Any:
        return body()

    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(f)
    else:
        f._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
    wrapped = monitor.operation("f")(f)
    assert inspect.iscoroutinefunction(wrapped)
    assert run(wrapped()) == 1
    assert sample("operation_duration_seconds_sum", operation="f") == 5


def test_an_unmarked_wrapper_of_a_coroutine_function_is_told(
    monitor: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> int:
        return 1

    @functools.wraps(body)
    def retrying() -> Any:
        return body()

    monitor.operation("f")(retrying)
    [record] = caplog.records
    assert "body returns a coroutine, but only the call that creates it is timed" in record.message
    caplog.clear()
    monitor.operation("g")(body)
    assert caplog.records == []


def test_pickled_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "import vitalspan as vs\n\n@vs.operation\ndef sell(item):\n    return item\n"
    )
    out = run_program(
        f"""
        import pickle
        sys.path.insert(0, {str(tmp_path)!r})
        import shop
        assert pickle.loads(pickle.dumps(shop.sell)) is shop.sell
        print("the same")
        """
    )
    assert out == "the same\n"


def test_copies_are_the_same_object(monitor: vs.Monitor) -> None:
    holder = types.SimpleNamespace(
        operation=monitor.operation("f"),
        block=monitor.operation("g", attributes={"a": 1}),
        passive=monitor.operation("h", enabled=False),
        cache=monitor.cache("c"),
        api=monitor.api("a"),
    )
    for made in (copy.copy(holder), copy.deepcopy(holder)):
        assert vars(made) == vars(holder)


def test_what_is_pickled_is_made_again_on_the_default_monitor() -> None:
    out = run_program(
        """
        import pickle, sys
        from prometheus_client import REGISTRY, CollectorRegistry

        other = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
        objects = pickle.loads(pickle.dumps([
            other.operation("block", component="till", labels={"a": "b"}, attributes={"c": 1}),
            other.operation("off", enabled=False),
            other.cache("crumbs", component="shop"),
            other.api("bank"),
        ]))
        block, off, cache, api = objects
        with block, off:
            cache.hit()
            api.record(tokens=3)
        read = REGISTRY.get_sample_value
        print(read("operation_duration_seconds_count",
                   {"component": "till", "operation": "block", "a": "b"}))
        print(read("cache_requests_total",
                   {"component": "shop", "cache": "crumbs", "result": "hit"}))
        print(read("api_tokens_total", {"component": "default", "api": "bank"}))
        assert vs.get_monitor().recent_calls()[-1].attributes == {"c": 1}
        assert other.recent_calls() == []
        """
    )
    assert out == "1\n1\n3\n"


def test_functions_of_main_can_be_pickled_by_value() -> None:
    pytest.importorskip("cloudpickle", reason="cloudpickle is in the group of test packages")
    out = run_program(
        """
        import subprocess, sys
        import cloudpickle

        @vs.operation("plain", labels={"kind": vs.argument("number")})
        def labelled(number):
            return number + 1

        @vs.operation("f", resources=False, errors=lambda error: False)
        def f(number):
            return number + 1

        @vs.operation("g")
        async def g(number):
            return number + 1

        @vs.operation("h")
        def h(number):
            yield number + 1

        other = '''
        import asyncio, pickle, sys
        from prometheus_client import REGISTRY
        labelled, f, g, h = pickle.loads(sys.stdin.buffer.read())
        assert labelled(1) == f(1) == asyncio.run(g(1)) == 2
        assert list(h(1)) == [2]
        read = REGISTRY.get_sample_value
        for name in "fgh":
            labels = {"component": "default", "operation": name}
            print(read("operation_duration_seconds_count", labels))
        labels = {"component": "default", "operation": "plain", "kind": "1"}
        print(read("operation_duration_seconds_count", labels))
        '''
        import textwrap
        content = cloudpickle.dumps([labelled, f, g, h])
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(other)], input=content,
                              capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        print(done.stdout.decode(), end="")
        """
    )
    assert out == "1\n1\n1\n1\n"


def test_one_name_in_two_modules_is_told_once(
    monitor: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    def made(module: str) -> Any:
        def load() -> None: ...

        load.__module__, load.__qualname__ = module, "load"
        return load

    monitor.operation(made("shop.users"))
    monitor.operation(made("shop.users"))
    assert caplog.records == []
    monitor.operation(made("shop.orders"))
    monitor.operation(made("shop.orders"))
    [record] = caplog.records
    assert record.message == (
        "shop.users.load and shop.orders.load are both recorded as the operation load: give one "
        "of them another name, or set qualified_names=True"
    )


def test_modules_can_be_a_part_of_the_name(sample: Any, registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, system_metrics=False, qualified_names=True)
    monitor.operation(quoted)(1)
    assert sample(COUNT, operation=f"{__name__}.quoted") == 1
    monitor.configure(qualified_names=False)
    monitor.operation(quoted)(1)
    assert sample(COUNT, operation="quoted") == 1
    monitor.close()


def test_metrics_come_back_into_a_registry_that_was_emptied(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry)
    monitor.operation("f")(lambda: None)()
    for collector in list(registry._collector_to_names):
        registry.unregister(collector)
    labels = {"component": "default", "operation": "f"}
    assert registry.get_sample_value(COUNT, labels) is None
    monitor.configure()
    assert registry.get_sample_value(COUNT, labels) == 1
    assert registry.get_sample_value("process_threads") is not None
    monitor.close()
    assert list(registry._collector_to_names) == []


def test_several_processes_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "a directory")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            vs.Monitor(registry=CollectorRegistry(), system_metrics=False).close()
    messages = [record.message for record in caplog.records]
    assert len([one for one in messages if "PROMETHEUS_MULTIPROC_DIR is set" in one]) == 1
