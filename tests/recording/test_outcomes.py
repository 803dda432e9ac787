"""How calls end: what is an error, what is not, and what leaves no trace in the log."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import types
import warnings
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.subprograms import run_program


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(exporter: InMemorySpanExporter) -> Any:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monitor = vs.Monitor(
        registry=CollectorRegistry(), tracer_provider=provider, system_metrics=False
    )
    yield monitor
    monitor.close()
    provider.shutdown()


def outcome(monitor: vs.Monitor) -> tuple[str, str | None]:
    call = monitor.recent_calls()[-1]
    return call.outcome, call.error_type


@pytest.mark.parametrize("resources", [False, True])
@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (StopIteration("end"), ("ok", None)),
        (SystemExit(), ("ok", None)),
        (SystemExit(0), ("ok", None)),
        (SystemExit(2), ("error", "SystemExit")),
        (SystemExit("no disk"), ("error", "SystemExit")),
        (KeyboardInterrupt(), ("cancelled", None)),
        (ValueError("v"), ("error", "ValueError")),
    ],
)
def test_what_a_raised_exception_means(
    monitor: vs.Monitor, raised: BaseException, expected: tuple[str, str | None], resources: bool
) -> None:
    @monitor.operation("f", resources=resources)
    def f() -> None:
        raise raised

    with pytest.raises(type(raised)):
        f()
    assert outcome(monitor) == expected
    with pytest.raises(type(raised)), monitor.operation("b", resources=resources):
        raise raised
    assert outcome(monitor) == expected


def test_iterators_end_well(monitor: vs.Monitor, sample: Any, run: Any) -> None:
    class Numbers:
        def __init__(self) -> None:
            self.left = 3

        def __iter__(self) -> Any:
            return self

        @monitor.operation("next", resources=False)
        def __next__(self) -> int:
            if not self.left:
                raise StopIteration
            self.left -= 1
            return self.left

        def __aiter__(self) -> Any:
            return self

        @monitor.operation("anext", resources=False)
        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    async def main() -> list[int]:
        return [number async for number in Numbers()]

    assert list(Numbers()) == [2, 1, 0]
    assert run(main()) == [2, 1, 0]
    for name in ("next", "anext"):
        assert sample("operation_duration_seconds_count", operation=name) == 4
        assert sample("operation_errors_total", operation=name, error_type="StopIteration") is None


def test_a_killed_greenlet_is_cancelled(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    greenlet = types.ModuleType("greenlet")
    greenlet.GreenletExit = type("GreenletExit", (BaseException,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "greenlet", greenlet)

    @monitor.operation("f")
    def f() -> None:
        raise greenlet.GreenletExit

    with pytest.raises(greenlet.GreenletExit):
        f()
    assert outcome(monitor) == ("cancelled", None)


def test_a_loop_that_stops_early_is_no_error(
    traced: vs.Monitor, exporter: InMemorySpanExporter
) -> None:
    @traced.operation("rows")
    def rows() -> Any:
        yield 1
        yield 2

    for _ in rows():
        break
    gc.collect()
    [span] = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.UNSET
    assert span.status.description is None
    assert span.attributes["vitalspan.outcome"] == "cancelled"
    assert span.events == ()


def test_what_is_collected_with_its_loop_logs_nothing(
    traced: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    @traced.operation("wait")
    async def wait() -> None:
        await asyncio.sleep(3600)

    async def main() -> None:
        waiting.append(asyncio.ensure_future(wait()))
        await asyncio.sleep(0)

    waiting: list[Any] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    # The task is dropped with its coroutine, which is then closed in another context.
    coroutine = waiting.pop().get_coro()
    coroutine.close()
    loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
    records = [record for record in caplog.records if record.name.startswith("opentelemetry")]
    assert records == []
    assert outcome(traced) == ("cancelled", None)


def test_a_block_around_a_yield_that_ends_elsewhere_logs_nothing(
    traced: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    async def steps() -> Any:
        with traced.operation("around"):
            yield 1

    async def first() -> Any:
        made = steps()
        await made.__anext__()
        return made

    with caplog.at_level(logging.DEBUG):
        made = asyncio.run(first())
        asyncio.run(made.aclose())
    assert [one for one in caplog.records if "detach" in one.message] == []


def test_an_exception_without_text_still_has_its_event(
    traced: vs.Monitor, exporter: InMemorySpanExporter
) -> None:
    with pytest.raises(Unprintable), traced.operation("b"):
        raise Unprintable
    [span] = exporter.get_finished_spans()
    [event] = span.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == f"{__name__}.Unprintable"
    assert "test_outcomes.py" in event.attributes["exception.stacktrace"]
    assert span.attributes["error.type"] == f"{__name__}.Unprintable"
    assert traced.recent_calls()[-1].error_message == "<unprintable Unprintable>"


@pytest.mark.parametrize("block", [False, True])
def test_an_attribute_without_text_is_lost_alone(
    traced: vs.Monitor, exporter: InMemorySpanExporter, block: bool
) -> None:
    attributes = {"good": 1, "bad": Unprintable(), "list": ["x", "y"], "thing": ValueError("v")}
    operation = traced.operation("f", attributes=attributes)
    if block:
        with operation:
            pass
    else:
        operation(lambda: None)()
    [span] = exporter.get_finished_spans()
    assert {key: span.attributes[key] for key in span.attributes if key in attributes} == {
        "good": 1,
        "list": ("x", "y"),
        "thing": "v",
    }
    count = traced.registry.get_sample_value(
        "vitalspan_internal_errors_total", {"where": "attribute"}
    )
    assert count == 1


def test_recent_calls_keep_what_is_bounded(monitor: vs.Monitor) -> None:
    class Order:
        def __str__(self) -> str:
            return "order " + 10_000 * "x"

    with monitor.operation("b", attributes={"order": Order(), "many": range(1000)}) as call:
        call.set_attribute("huge", 10**400)
        call.set_attribute("text", "x" * 10_000)
        call.set_attribute("deep", {"a": [Order()] * 100})
        for number in range(100):
            call.set_attribute(f"key{number}", number)
    gc.collect()
    assert [one for one in gc.get_objects() if type(one) is Order] == []
    kept = monitor.recent_calls()[-1].attributes
    assert len(kept) <= 32 + 2
    assert len(kept["order"]) == len(kept["text"]) == 256
    assert kept["huge"] == "<1329 bits>"
    assert len(kept["many"]) == 32
    assert len(kept["deep"]["a"]) == 31


def test_warnings_and_logs_name_the_caller(monitor: vs.Monitor, run: Any) -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("test.caller")
    logger.addHandler(handler)

    def note() -> None:
        warnings.warn("old", DeprecationWarning, stacklevel=3)
        logger.warning("old", stacklevel=3)

    def old() -> None:
        note()

    async def old_coroutine() -> None:
        note()

    def old_generator() -> Any:
        note()
        yield

    for resources in (False, True):
        f = monitor.operation("f", resources=resources)(old)
        g = monitor.operation("g", resources=resources)(old_coroutine)
        h = monitor.operation("h", resources=resources)(old_generator)

        async def awaits(g: Any = g) -> None:
            await g()

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            f()
            run(awaits())
            list(h())
        assert {warning.filename for warning in caught} == {__file__}
    logger.removeHandler(handler)
    assert {record.pathname for record in records} == {__file__}


def test_an_attribute_whose_key_is_no_text_is_lost_alone(
    traced: vs.Monitor, exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    bad: dict[Any, Any] = {5: "number", "": "empty", None: "none", "good": 1}
    with traced.operation("b", attributes=bad) as call:
        call.set_attribute(("a", "b"), 1)  # type: ignore[arg-type]
        call.set_attribute("better", 2)
    [span] = exporter.get_finished_spans()
    assert dict(span.attributes) == {"component": "default", "good": 1, "better": 2}
    assert traced.recent_calls()[-1].attributes == {"good": 1, "better": 2}
    count = traced.registry.get_sample_value(
        "vitalspan_internal_errors_total", {"where": "attribute"}
    )
    assert count == 4
    assert [one for one in caplog.records if one.name.startswith("opentelemetry")] == []


def test_an_attribute_that_refers_to_itself_takes_no_time(
    traced: vs.Monitor, exporter: InMemorySpanExporter
) -> None:
    # Written out to the depth that is followed, it would have 100 ** 8 items.
    node: dict[str, Any] = {}
    node.update({f"edge{number}": node for number in range(100)})
    with traced.operation("b", attributes={"node": node, "good": 1}):
        pass
    [span] = exporter.get_finished_spans()
    assert "node" not in span.attributes
    assert span.attributes["good"] == 1


def test_what_is_kept_of_nested_values_is_bounded_as_a_whole(monitor: vs.Monitor) -> None:
    def items(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value
        return sum(1 + (items(one) if isinstance(one, (dict, tuple)) else 0) for one in inner)

    with monitor.operation("b") as call:
        call.set_attribute("rows", [[[1] * 20] * 20] * 20)
        call.set_attribute("pages", {f"{number}": {"a": [1, 2]} for number in range(90)})
    kept = monitor.recent_calls()[-1].attributes
    assert items(kept["rows"]) == items(kept["pages"]) == 32


def test_recursion_is_as_deep_as_with_other_decorators() -> None:
    # With a limit of 1,000 frames, prometheus_client's own decorator allows 330.
    out = run_program(
        """
        import sys
        from opentelemetry.sdk.trace import TracerProvider
        from prometheus_client import CollectorRegistry

        depths = []
        for provider in (None, TracerProvider()):
            for resources in (False, True):
                monitor = vs.Monitor(
                    registry=CollectorRegistry(), tracer_provider=provider, system_metrics=False
                )

                @monitor.operation("f", resources=resources)
                def f(left):
                    return 0 if not left else 1 + f(left - 1)

                @monitor.operation("g", resources=resources)
                async def g(left):
                    return 0 if not left else 1 + await g(left - 1)

                depth = 320
                sys.setrecursionlimit(1000)
                assert f(depth) == depth
                # Through the C code of `send`, one frame more counts.
                deepest = 240 if resources else depth
                try:
                    g(deepest).send(None)
                except StopIteration as end:
                    assert end.value == deepest
                depths.append(depth)
                monitor.close()
        print(depths)
        """,
        measured=False,
    )
    assert out == "[320, 320, 320, 320]\n"
