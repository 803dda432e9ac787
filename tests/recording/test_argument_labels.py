"""Labels from the arguments of a call, and series that are forgotten."""

from __future__ import annotations

import asyncio
import gc
import inspect
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs

COUNT = "operation_duration_seconds_count"


class Order(NamedTuple):
    region: str


EUROPE = Order("eu")


@pytest.mark.parametrize("resources", [False, True])
def test_arguments_become_labels(
    monitor: vs.Monitor, sample: Any, run: Any, resources: bool
) -> None:
    labels = {
        "tenant": vs.argument("tenant"),
        "region": vs.argument("order", lambda order: order.region),
        "tier": "gold",
    }
    options: dict[str, Any] = {"labels": labels, "resources": resources}

    @monitor.operation("f", **options)
    def f(tenant: str, order: Order = EUROPE) -> str:
        return tenant

    @monitor.operation("g", **options)
    async def g(tenant: str, *, order: Order) -> str:
        await asyncio.sleep(0)
        return tenant

    @monitor.operation("h", **options)
    def h(order: Order, tenant: str = "none") -> Any:
        yield tenant

    @monitor.operation("k", **options)
    async def k(tenant: str, order: Order) -> Any:
        yield tenant

    async def main() -> None:
        assert await g("a", order=Order("us")) == "a"
        assert [one async for one in k("a", Order("us"))] == ["a"]

    assert f("a") == "a"
    assert f(order=Order("us"), tenant="b") == "b"
    run(main())
    assert list(h(Order("us"))) == ["none"]
    for name, tenant, region in (
        *(("f", "a", "eu"), ("f", "b", "us"), ("g", "a", "us")),
        *(("h", "none", "us"), ("k", "a", "us")),
    ):
        found = sample(COUNT, operation=name, tenant=tenant, region=region, tier="gold")
        assert found == 1, name
    assert inspect.iscoroutinefunction(g)
    assert inspect.isgeneratorfunction(h)
    assert inspect.isasyncgenfunction(k)


def test_methods(monitor: vs.Monitor, sample: Any) -> None:
    class Shop:
        @monitor.operation("sell", labels={"item": vs.argument("item")})
        def sell(self, item: str) -> str:
            return item

    assert Shop().sell("tea") == Shop().sell(item="tea") == "tea"
    assert sample(COUNT, operation="sell", item="tea") == 2


def test_none_and_faults_leave_the_label_out(monitor: vs.Monitor, sample: Any) -> None:
    @monitor.operation("f", labels={"half": vs.argument("number", lambda number: 6 // number)})
    def f(number: int | None) -> None: ...

    @monitor.operation("g", labels={"name": vs.argument("name")})
    def g(name: str | None = None) -> None: ...

    f(0)
    f(3)
    g()
    assert sample(COUNT, operation="f") == 1
    assert sample(COUNT, operation="f", half="2") == 1
    assert sample(COUNT, operation="g") == 1
    assert sample("vitalspan_internal_errors_total", where="label") == 1


def test_an_argument_that_there_is_not(monitor: vs.Monitor) -> None:
    with pytest.raises(TypeError, match=r"the argument 'tenant'.*its parameters are a, b"):

        @monitor.operation("f", labels={"tenant": vs.argument("tenant")})
        def f(a: int, b: int) -> None: ...

    with pytest.raises(vs.ConfigurationError, match="not a valid name"):
        monitor.operation("f", labels={"bad name": vs.argument("a")})
    with pytest.raises(TypeError, match="a block has no arguments"):
        monitor.operation("b", labels={"a": vs.argument("a")}).__enter__()


@settings(deadline=None, max_examples=30)
@given(values=st.lists(st.one_of(st.text(max_size=8), st.integers(), st.none()), max_size=80))
def test_any_arguments_are_counted_and_bounded(values: list[Any]) -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, max_series=10)

    @monitor.operation("f", labels={"value": vs.argument("value")}, resources=False)
    def f(value: Any) -> Any:
        return value

    assert [f(value) for value in values] == values
    samples = [
        sample.value
        for family in monitor.registry.collect()
        for sample in family.samples
        if sample.name == COUNT
    ]
    assert sum(samples) == len(values)
    assert len(samples) <= 11
    monitor.close()


def test_series_are_forgotten(monitor: vs.Monitor, sample: Any) -> None:
    @monitor.operation("f", labels={"tenant": vs.argument("tenant")}, resources=False)
    def f(tenant: str) -> None: ...

    for tenant in ("a", "b", "b"):
        f(tenant)
        with monitor.operation("block", labels={"tenant": tenant}):
            pass
    monitor.tick()
    assert monitor.forget("f", labels={"tenant": "b"}) == 1
    assert monitor.forget("block", labels={"tenant": "b"}) == 1
    assert monitor.forget("block", component="other") == 0
    for name in ("f", "block"):
        assert sample(COUNT, operation=name, tenant="a") == 1
        assert sample(COUNT, operation=name, tenant="b") is None
        assert sample("operation_in_progress", operation=name, tenant="b") is None
    f("b")
    with monitor.operation("block", labels={"tenant": "b"}):
        pass
    monitor.tick()
    for name in ("f", "block"):
        assert sample(COUNT, operation=name, tenant="b") == 1
    assert monitor.forget("f") == 3
    assert sample(COUNT, operation="f", tenant="a") is None


def test_a_forgotten_series_keeps_its_call_in_progress(monitor: vs.Monitor, sample: Any) -> None:
    with monitor.operation("b"):
        monitor.forget("b")
        assert sample("operation_in_progress", operation="b") == 1
    with monitor.operation("b"):
        pass
    assert sample(COUNT, operation="b") == 2
    assert monitor.forget("b") == 1
    assert monitor.forget("b") == 0


class Tenants:
    """Calls that are labelled in one of three ways, by a monitor with little room for series."""

    def __init__(self, room: int) -> None:
        self.monitor = vs.Monitor(
            registry=CollectorRegistry(), system_metrics=False, max_series=room
        )
        label = {"tenant": vs.argument("tenant")}

        @self.monitor.operation("argument", labels=label, resources=False)
        def by_argument(tenant: str) -> None: ...

        @self.monitor.operation("late", resources=False)
        def late(tenant: str) -> None:
            vs.current_call().set_label("tenant", tenant)

        def block(tenant: str) -> None:
            with self.monitor.operation("block", labels={"tenant": tenant}, resources=False):
                pass

        self.calls = {"argument": by_argument, "late": late, "block": block}

    def counts(self) -> dict[tuple[str, str], float]:
        return {
            (sample.labels["operation"], sample.labels["tenant"]): sample.value
            for family in self.monitor.registry.collect()
            for sample in family.samples
            if sample.name == COUNT and "tenant" in sample.labels
        }


@pytest.mark.parametrize("operation", ["argument", "late", "block"])
def test_what_is_forgotten_gives_its_room_back(operation: str) -> None:
    tenants = Tenants(room=8)
    for number in range(100):
        tenants.calls[operation](str(number))
        if number % 3 == 0:
            tenants.monitor.tick()
        assert tenants.monitor.forget(operation, labels={"tenant": str(number)}) == 1
    assert tenants.counts() == {}
    assert tenants.monitor._recorder.series_table.overflows == 0
    gc.collect()
    sites = {site.series.labels for site in list(tenants.monitor._recorder.sites)}
    assert sites == {()}, "no call site of a forgotten series is kept"
    assert [call.labels["tenant"] for call in tenants.monitor.recent_calls()][-1] == "99"
    tenants.monitor.close()


@pytest.mark.parametrize("operation", ["argument", "late", "block"])
def test_what_had_no_room_gets_it_once_others_are_forgotten(operation: str) -> None:
    tenants = Tenants(room=4)
    call = tenants.calls[operation]
    for tenant in "abcdef":
        call(tenant)
    assert (operation, "f") not in tenants.counts()
    tenants.monitor.forget(operation, labels={"tenant": "a"})
    call("f")
    assert tenants.counts()[operation, "f"] == 1
    tenants.monitor.close()


@settings(max_examples=50)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["argument", "late", "block"]),
            st.sampled_from("abc"),
            st.sampled_from(["call", "call", "forget", "tick"]),
        ),
        max_size=60,
    )
)
def test_calls_since_the_last_forget_are_counted(steps: list[tuple[str, str, str]]) -> None:
    tenants = Tenants(room=20)
    expected: dict[tuple[str, str], float] = {}
    for operation, tenant, step in steps:
        if step == "call":
            tenants.calls[operation](tenant)
            expected[operation, tenant] = expected.get((operation, tenant), 0) + 1
        elif step == "forget":
            known = expected.pop((operation, tenant), None) is not None
            forgotten = tenants.monitor.forget(operation, labels={"tenant": tenant})
            assert forgotten == known
        else:
            tenants.monitor.tick()
    assert tenants.counts() == expected
    tenants.monitor.close()
