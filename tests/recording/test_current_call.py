"""The call that is running, found from within."""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from typing import Any

import pytest

import vitalspan as vs


def count(measure: str) -> None:
    vs.current_call().add(measure)


@pytest.mark.parametrize("resources", [False, True])
def test_a_decorated_function_finds_its_call(
    monitor: vs.Monitor, sample: Any, run: Any, resources: bool
) -> None:
    @monitor.operation("f", resources=resources)
    def f() -> None:
        count("items")

    @monitor.operation("g", resources=resources)
    async def g() -> None:
        await asyncio.sleep(0)
        count("items")

    @monitor.operation("h", resources=resources)
    def h() -> Any:
        count("items")
        yield
        count("items")

    @monitor.operation("k", resources=resources)
    async def k() -> Any:
        count("items")
        yield
        count("items")

    async def main() -> None:
        await g()
        async for _ in k():
            pass

    f()
    run(main())
    list(h())
    found = {name: sample("operation_items_total", operation=name) for name in "fghk"}
    assert found == {"f": 1, "g": 1, "h": 2, "k": 2}


def test_the_innermost_call_is_found(monitor: vs.Monitor, sample: Any) -> None:
    @monitor.operation("inner", resources=False)
    def inner() -> None:
        count("items")

    @monitor.operation("outer", resources=False)
    def outer() -> None:
        with monitor.operation("block") as call:
            count("items")
            inner()
        assert call is not None
        count("items")

    outer()
    found = [
        sample("operation_items_total", operation=name) for name in ("inner", "block", "outer")
    ]
    assert found == [1, 1, 1]


def test_where_nothing_runs_nothing_happens() -> None:
    call = vs.current_call()
    call.add("items")
    call.set_attribute("a", 1)
    call.set_label("b", 2)
    call.fail("no")
    call.ok()
    assert call.trace_id is None


def test_tasks_and_threads_have_no_part_in_the_call(monitor: vs.Monitor, sample: Any) -> None:
    async def task() -> None:
        count("items")

    @monitor.operation("f")
    async def f() -> None:
        await asyncio.create_task(task())
        thread = threading.Thread(target=count, args=["items"])
        thread.start()
        thread.join()

    @monitor.operation("main")
    def main() -> None:
        asyncio.run(f())

    main()
    assert sample("operation_items_total", operation="f") is None
    assert sample("operation_items_total", operation="main") is None


def test_a_disabled_monitor_has_no_calls(monitor: vs.Monitor, sample: Any) -> None:
    monitor.disable()
    monitor.operation("f")(lambda: count("items"))()
    assert sample("operation_items_total", operation="f") is None


def test_labels_and_marks_of_a_function(monitor: vs.Monitor, sample: Any) -> None:
    @monitor.operation("f", resources=False)
    def f(status: str) -> None:
        vs.current_call().set_label("status", status)
        if status == "5xx":
            vs.current_call().fail("overloaded", error_type="overloaded")

    for status in ("2xx", "5xx", "2xx"):
        f(status)
    name = "operation_duration_seconds_count"
    assert sample(name, operation="f", status="2xx") == 2
    assert sample(name, operation="f", status="5xx") == 1
    errors = {"operation": "f", "status": "5xx", "error_type": "overloaded"}
    assert sample("operation_errors_total", **errors) == 1


class Namespace(dict[str, Any]):
    """Variables that cannot be listed, as those of `exec` or of a class body may be."""

    def values(self) -> Any:
        raise RuntimeError("dictionary changed size during iteration")


def test_a_namespace_that_cannot_be_read_is_passed_over(monitor: vs.Monitor, sample: Any) -> None:
    @monitor.operation("f", resources=False)
    def f() -> None:
        exec("count('items')", {"count": count}, Namespace())

    f()
    assert sample("operation_items_total", operation="f") == 1


def test_other_threads_may_change_the_variables_of_a_module() -> None:
    variables: dict[str, Any] = {"count": count, **{f"v{number}": 0 for number in range(200)}}
    done = threading.Event()

    def change() -> None:
        for number in itertools.count():
            if done.is_set():
                return
            variables[f"x{number % 50}"] = number
            variables.pop(f"x{(number + 25) % 50}", None)

    thread = threading.Thread(target=change)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        exec("for _ in range(2000): count('items')", variables)
    finally:
        done.set()
        sys.setswitchinterval(interval)
        thread.join()
