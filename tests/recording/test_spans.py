"""Spans and exemplars of recorded calls."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import Status, StatusCode
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import vitalspan as vs
from support.subprograms import run_program
from vitalspan.exposition.formats import Format
from vitalspan.recording import spans as spans_module
from vitalspan.recording.wrappers_importlib_bootstrap import functions as wrap

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class PaymentError(Exception):
    pass


@pytest.fixture
def exported(spans: InMemorySpanExporter) -> Callable[[], dict[str, Any]]:
    """The finished spans by name; the last one where several have the same."""
    return lambda: {span.name: span for span in spans.get_finished_spans()}


@pytest.fixture
def make(clock) -> Iterator[Callable[..., vs.Monitor]]:
    """Make monitors with other providers than `traced` has."""
    from prometheus_client import CollectorRegistry

    made: list[vs.Monitor] = []

    def make_one(tracer_provider: Any = None) -> vs.Monitor:
        made.append(
            vs.Monitor(
                registry=CollectorRegistry(),
                clock=clock,
                tracer_provider=tracer_provider,
                system_metrics=False,
            )
        )
        return made[-1]

    yield make_one
    for one in made:
        one.close()


@pytest.fixture
def remote() -> Iterator[None]:
    """A caller in another process, whose span and baggage have come with its request."""
    carrier = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01", "baggage": "user=alice"}
    token = context.attach(propagate.extract(carrier))
    yield
    context.detach(token)


def _value(monitor: vs.Monitor, name: str, **labels: str) -> float | None:
    if not name.startswith("vitalspan_"):
        labels = {"component": "default", **labels}
    return monitor.registry.get_sample_value(name, labels)


WRAPPERS = "wrappers_importlib_bootstrap"


def _faults(monitor: vs.Monitor, where: str) -> float | None:
    return _value(monitor, "vitalspan_internal_errors_total", where=where)


def _id(number: int, digits: int = 16) -> str:
    return f"{number:0{digits}x}"


# What a span says


@pytest.mark.parametrize("resources", [True, False])
def test_a_span_says_what_it_is_of(traced, exported, resources):
    class Shop:
        @traced.operation(
            "sell",
            component="till",
            labels={"tier": "gold"},
            attributes={"a": 1},
            resources=resources,
        )
        def sell(self) -> None: ...

    Shop().sell()
    span = exported()["sell"]
    assert dict(span.attributes) == {
        "component": "till",
        "code.function.name": f"{__name__}.{Shop.sell.__qualname__}",
        "tier": "gold",
        "a": 1,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.status.description is None
    assert span.events == ()
    assert span.parent is None
    assert span.instrumentation_scope.name == "vitalspan"
    (call,) = traced.recent_calls()
    assert call.trace_id == _id(span.context.trace_id, 32)
    assert call.span_id == _id(span.context.span_id)


def test_a_span_of_a_block_has_no_code(traced, exported):
    with traced.operation("b") as call:
        inside = trace.get_current_span().get_span_context()
        assert call.trace_id == _id(inside.trace_id, 32)
    assert dict(exported()["b"].attributes) == {"component": "default"}
    assert exported()["b"].context == inside


@pytest.mark.parametrize("resources", [True, False])
@pytest.mark.parametrize(
    ("error", "error_type"),
    [
        (PaymentError("declined"), f"{__name__}.PaymentError"),
        (ValueError("v"), "ValueError"),
        (SystemExit("no disk"), "SystemExit"),
    ],
)
def test_a_failed_span_says_how(traced, exported, sample, run, error, error_type, resources):
    @traced.operation("f", resources=resources)
    def f() -> None:
        raise error

    @traced.operation("g", resources=resources)
    def g() -> Any:
        yield
        raise error

    @traced.operation("h", resources=resources)
    async def h() -> None:
        raise error

    @traced.operation("k", resources=resources)
    async def k() -> Any:
        yield
        raise error

    async def main() -> None:
        async for _ in k():
            pass

    with pytest.raises(type(error)):
        f()
    with pytest.raises(type(error)):
        list(g())
    with pytest.raises(type(error)):
        h().send(None)
    with pytest.raises(type(error)):
        main().send(None)
    with pytest.raises(type(error)), traced.operation("b", resources=resources):
        raise error
    for name in ("f", "g", "h", "k", "b"):
        span = exported()[name]
        assert span.attributes["error.type"] == error_type
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == f"{type(error).__name__}: {error}"
        (event,) = span.events
        assert event.name == "exception"
        assert event.attributes["exception.type"] == error_type
        assert sample("operation_errors_total", operation=name, error_type=error_type) == 1
    error.__traceback__ = None


@pytest.mark.parametrize("resources", [True, False])
def test_a_cancelled_span_says_so_and_has_no_error(traced, exported, run, resources):
    @traced.operation("f", resources=resources)
    async def f() -> None:
        await asyncio.sleep(3600)

    @traced.operation("g", resources=resources)
    def g() -> Any:
        yield

    async def main() -> None:
        task = asyncio.ensure_future(f())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    next(g())
    for name in ("f", "g"):
        span = exported()[name]
        assert span.status.status_code is StatusCode.UNSET
        assert span.status.description is None
        assert span.attributes["vitalspan.outcome"] == "cancelled"
        assert "error.type" not in span.attributes
        assert span.events == ()


def test_the_body_can_speak_of_its_span(traced, exported):
    @traced.operation("f")
    def f() -> None:
        span = trace.get_current_span()
        span.set_attribute("user", "alice")
        span.add_event("halfway")
        span.set_status(Status(StatusCode.OK))

    f()
    span = exported()["f"]
    assert span.attributes["user"] == "alice"
    assert [event.name for event in span.events] == ["halfway"]
    assert span.status.status_code is StatusCode.OK


def test_call_set_attribute_reaches_the_span(traced, exported, run):
    async def main() -> None:
        async with traced.operation("b", attributes={"page": 1}) as call:
            await asyncio.sleep(0)
            call.set_attribute("page", 2)

    run(main())
    assert exported()["b"].attributes["page"] == 2


# Parents


def test_decorated_callees_are_children(traced, exported, run):
    @traced.operation("leaf", resources=False)
    async def leaf() -> None:
        await asyncio.sleep(0)

    @traced.operation("middle", resources=True)
    async def middle() -> None:
        await asyncio.gather(leaf(), asyncio.ensure_future(leaf()))

    @traced.operation("plain")
    def plain() -> None: ...

    @traced.operation("root")
    async def root() -> None:
        with traced.operation("block"):
            plain()
        await middle()
        plain()

    run(root())
    spans = exported()
    assert spans["root"].parent is None
    assert spans["block"].parent.span_id == spans["root"].context.span_id
    assert spans["middle"].parent.span_id == spans["root"].context.span_id
    assert spans["leaf"].parent.span_id == spans["middle"].context.span_id
    # The last of two, after the block.
    assert spans["plain"].parent.span_id == spans["root"].context.span_id
    assert {span.context.trace_id for span in spans.values()} == {spans["root"].context.trace_id}
    assert not trace.get_current_span().get_span_context().is_valid


def test_threads_have_the_parent_of_the_context_they_run_in(traced, exported):
    @traced.operation("child")
    def child() -> None: ...

    @traced.operation("parent")
    def parent() -> None:
        copied = contextvars.copy_context()
        thread = threading.Thread(target=copied.run, args=(child,))
        thread.start()
        thread.join(60)

    @traced.operation("alone")
    def alone() -> None:
        thread = threading.Thread(target=contextvars.Context().run, args=(root,))
        thread.start()
        thread.join(60)

    root = traced.operation("root")(lambda: None)
    parent()
    alone()
    spans = exported()
    assert spans["child"].parent.span_id == spans["parent"].context.span_id
    assert spans["root"].parent is None


def test_tasks_side_by_side_do_not_see_each_other(traced, spans, run):
    @traced.operation("inner")
    async def inner(number: int) -> None:
        await asyncio.sleep(0)
        trace.get_current_span().set_attribute("number", number)

    @traced.operation("outer")
    async def outer(number: int) -> None:
        trace.get_current_span().set_attribute("number", number)
        for _ in range(number % 4):
            await asyncio.sleep(0)
        await inner(number)

    async def main() -> None:
        await asyncio.gather(*map(outer, range(12)))

    run(main())
    finished = spans.get_finished_spans()
    outers = {span.context.span_id: span for span in finished if span.name == "outer"}
    inners = [span for span in finished if span.name == "inner"]
    assert len(inners) == 12
    for span in inners:
        parent = outers[span.parent.span_id]
        assert parent.attributes["number"] == span.attributes["number"]


def test_the_spans_of_other_instrumentation_fit_in(traced, provider, exported):
    tracer = provider.get_tracer("other")

    @traced.operation("f")
    def f() -> None:
        with tracer.start_as_current_span("below"):
            pass

    with tracer.start_as_current_span("above"):
        f()
    spans = exported()
    assert spans["f"].parent.span_id == spans["above"].context.span_id
    assert spans["below"].parent.span_id == spans["f"].context.span_id


def test_a_remote_parent_and_its_baggage(traced, exported, remote, run):
    @traced.operation("f")
    def f() -> Any:
        return baggage.get_baggage("user")

    @traced.operation("walk")
    def walk() -> Any:
        yield baggage.get_baggage("user")

    async def main() -> Any:
        async with traced.operation("block"):
            return baggage.get_baggage("user")

    assert (f(), list(walk()), run(main())) == ("alice", ["alice"], "alice")
    for name in ("f", "walk", "block"):
        span = exported()[name]
        assert _id(span.context.trace_id, 32) == TRACE_ID
        assert _id(span.parent.span_id) == SPAN_ID
        assert span.parent.is_remote


@pytest.mark.parametrize("resources", [True, False])
def test_without_a_provider_the_remote_parent_passes_through(monitor, remote, run, resources):
    def sent_on() -> dict[str, str]:
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier

    @monitor.operation("f", resources=resources)
    def f() -> dict[str, str]:
        return sent_on()

    @monitor.operation("g", resources=resources)
    async def g() -> Any:
        yield sent_on()

    async def main() -> Any:
        async with monitor.operation("b", resources=resources) as call:
            assert call.trace_id is None
            return await g().__anext__()

    before = context.get_current()
    assert f() == run(main())
    assert f()["traceparent"] == f"00-{TRACE_ID}-{SPAN_ID}-01"
    assert f()["baggage"] == "user=alice"
    assert context.get_current() is before
    assert monitor.recent_calls()[-1].trace_id is None


# Generators


@pytest.mark.parametrize("resources", [True, False])
def test_the_span_of_a_generator_is_current_in_its_steps_alone(
    traced, provider, exported, resources
):
    tracer = provider.get_tracer("other")
    seen = []

    @traced.operation("walk", resources=resources)
    def walk() -> Any:
        seen.append(trace.get_current_span().get_span_context().span_id)
        with tracer.start_as_current_span("inner") as inner:
            yield 1
            # What the body made current is so when it goes on.
            assert trace.get_current_span() is inner
            with traced.operation("deeper"):
                yield 2
            assert trace.get_current_span() is inner
        seen.append(trace.get_current_span().get_span_context().span_id)
        yield 3

    with tracer.start_as_current_span("caller") as caller:
        before = context.get_current()
        for _ in walk():
            assert trace.get_current_span() is caller
            assert context.get_current() is before
        assert context.get_current() is before
    spans = exported()
    assert seen == [spans["walk"].context.span_id] * 2
    assert spans["walk"].parent.span_id == spans["caller"].context.span_id
    assert spans["inner"].parent.span_id == spans["walk"].context.span_id
    assert spans["deeper"].parent.span_id == spans["inner"].context.span_id


@pytest.mark.parametrize("resources", [True, False])
def test_the_span_of_an_async_generator_is_current_in_its_steps_alone(
    traced, provider, exported, run, resources
):
    tracer = provider.get_tracer("other")

    @traced.operation("walk", resources=resources)
    async def walk() -> Any:
        for step in range(3):
            with tracer.start_as_current_span(f"step{step}") as inner:
                await asyncio.sleep(0)
                yield step
                assert trace.get_current_span() is inner

    async def main() -> None:
        with tracer.start_as_current_span("caller") as caller:
            before = context.get_current()
            async for _ in walk():
                assert trace.get_current_span() is caller
                assert context.get_current() is before
                await asyncio.sleep(0)
            assert context.get_current() is before

    run(main())
    spans = exported()
    for step in range(3):
        assert spans[f"step{step}"].parent.span_id == spans["walk"].context.span_id
    assert spans["walk"].parent.span_id == spans["caller"].context.span_id


def test_generators_stepped_in_turns_keep_their_own_spans(traced, exported):
    @traced.operation("walk")
    def walk(name: str) -> Any:
        for step in range(3):
            with traced.operation(f"{name}{step}"):
                yield

    one, two = walk("one"), walk("two")
    for _ in range(3):
        next(one)
        next(two)
    assert not trace.get_current_span().get_span_context().is_valid
    assert (list(one), list(two)) == ([], [])
    spans = exported()
    parents = {name: spans[name].parent.span_id for name in spans if name != "walk"}
    assert len({parents[f"one{step}"] for step in range(3)}) == 1
    assert parents["one0"] != parents["two0"]


def test_a_generator_stepped_in_other_contexts_and_threads(traced, exported, caplog):
    @traced.operation("walk")
    def walk() -> Any:
        for _ in range(4):
            yield trace.get_current_span().get_span_context().span_id

    made, seen = walk(), []
    seen.append(next(made))
    seen.append(contextvars.copy_context().run(next, made))
    thread = threading.Thread(target=lambda: seen.append(next(made)))
    thread.start()
    thread.join(60)
    seen.extend(made)
    assert set(seen) == {exported()["walk"].context.span_id}
    assert caplog.records == []


# Providers


def test_a_provider_that_is_set_later_is_picked_up_at_once(
    monitor, clock, provider, exported, monkeypatch
):
    calls = monitor.operation("f", resources=False)(lambda: clock.advance(1))
    calls()
    with monitor.operation("b", resources=False):
        clock.advance(1)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    calls()
    with monitor.operation("b", resources=False):
        clock.advance(1)
    assert sorted(exported()) == ["b", "f"]
    assert trace.get_tracer_provider() is provider
    monkeypatch.undo()
    calls()
    assert [call.trace_id is None for call in monitor.recent_calls()] == [
        *(True, True),
        *(False, False),
        True,
    ]


def test_a_provider_that_is_set_during_a_call_has_the_next(
    monitor, provider, exported, monkeypatch
):
    inner = monitor.operation("inner", resources=False)(lambda: None)

    @monitor.operation("outer", resources=False)
    def outer() -> None:
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
        inner()

    outer()
    assert list(exported()) == ["inner"]


def test_setting_a_provider_through_the_api():
    assert (
        run_program(
            """
            from opentelemetry import trace
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import SimpleSpanProcessor
            from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

            @vs.operation("f")
            def f(): pass

            f()
            exporter = InMemorySpanExporter()
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            trace.set_tracer_provider(provider)
            f()
            f()
            assert trace.get_tracer_provider() is provider
            print([span.name for span in exporter.get_finished_spans()])
            """
        )
        == "['f', 'f']\n"
    )


def test_a_monitors_own_provider_goes_before_the_global_one(make, provider, exported, monkeypatch):
    other = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", other)
    make(provider).operation("f")(lambda: None)()
    assert list(exported()) == ["f"]
    assert trace.get_tracer_provider() is other
    other.shutdown()


def test_a_disabled_sdk_makes_no_spans_and_costs_nothing():
    out = run_program(
        """
        import asyncio, logging
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from vitalspan.recording.wrappers_importlib_bootstrap import functions as wrap

        # Some versions say that the SDK is disabled.
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
        long_ways = []
        for name in ("_engaged", "_engaged_coroutine"):
            def engaged(*args, original=getattr(wrap, name)):
                long_ways.append(1)
                return original(*args)
            setattr(wrap, name, engaged)

        @vs.operation("f", resources=False)
        def f():
            assert not trace.get_current_span().get_span_context().is_valid

        @vs.operation("g", resources=False)
        async def g():
            pass

        for _ in range(5):
            f()
            asyncio.run(g())
        for _ in range(3):
            with vs.operation("b", resources=False) as call:
                assert call.trace_id is None
        assert trace.get_tracer_provider() is provider
        assert call._measured is None
        counts = [
            line for line in vs.generate_latest().decode().splitlines()
            if line.startswith("operation_duration_seconds_count")
        ]
        print(len(long_ways), *(line.split()[-1] for line in counts))
        """,
        OTEL_SDK_DISABLED="true",
    )
    assert out == "1 5 5 3\n"


def test_short_calls_take_the_long_way_only_while_there_is_something_to_do(
    monitor, provider, monkeypatch
):
    long_ways = []
    original = wrap._engaged

    def engaged(*args: Any) -> Any:
        long_ways.append(1)
        return original(*args)

    monkeypatch.setattr(wrap, "_engaged", engaged)
    f = monitor.operation("f", resources=False)(lambda: None)
    f()
    assert long_ways == []
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    f()
    assert len(long_ways) == 1
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    f()
    assert len(long_ways) == 1


def test_without_the_apis_variable_the_public_getter_is_asked(
    monitor, provider, exported, monkeypatch, run
):
    public = spans_module._PublicProvider()
    assert public._TRACER_PROVIDER is None
    monkeypatch.setattr(spans_module, "slot", public)
    for module in (f"{WRAPPERS}.functions", "operation", f"{WRAPPERS}.generators"):
        monkeypatch.setattr(f"vitalspan.recording.{module}._slot", public)

    @monitor.operation("f", resources=False)
    def f() -> None: ...

    @monitor.operation("g", resources=False)
    async def g() -> Any:
        yield

    async def main() -> None:
        async for _ in g():
            pass

    f()
    assert exported() == {}
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    assert public._TRACER_PROVIDER is provider
    f()
    run(main())
    with monitor.operation("b", resources=False):
        pass
    assert sorted(exported()) == ["b", "f", "g"]
    assert len(monitor.recent_calls()) == 4


def test_a_provider_named_by_the_environment_is_loaded():
    out = run_program(
        """
        from opentelemetry import trace

        with vs.operation("b") as call:
            print(call.trace_id is not None, type(trace.get_tracer_provider()).__module__)
        """,
        OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider",
    )
    assert out == "True opentelemetry.sdk.trace\n"


# Faults of the tracing


class _Raising(SpanProcessor):
    def __init__(self, *when: str) -> None:
        self.when = when

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if "start" in self.when:
            raise RuntimeError("on_start")

    def on_end(self, span: Any) -> None:
        if "end" in self.when:
            raise RuntimeError("on_end")


class _RaisingSampler(Sampler):
    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        raise RuntimeError("should_sample")

    def get_description(self) -> str:
        return "raises"


class _RaisingProvider(trace.TracerProvider):
    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("get_tracer")


def _provider(*processors: SpanProcessor, sampler: Sampler | None = None) -> TracerProvider:
    made = TracerProvider(shutdown_on_exit=False, **({"sampler": sampler} if sampler else {}))
    for processor in processors:
        made.add_span_processor(processor)
    return made


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        (lambda: _provider(_Raising("start")), "begin"),
        (lambda: _provider(_Raising("end")), "end"),
        (lambda: _provider(sampler=_RaisingSampler()), "begin"),
        (_RaisingProvider, "begin"),
    ],
    ids=["on_start", "on_end", "sampler", "provider"],
)
@pytest.mark.parametrize("resources", [True, False])
def test_tracing_that_raises_breaks_no_call_and_is_counted(
    make, clock, run, caplog, broken, where, resources
):
    monitor = make(broken())

    @monitor.operation("f", resources=resources)
    def f(error: Exception | None = None) -> str:
        clock.advance(1)
        if error:
            raise error
        return "f"

    @monitor.operation("f", resources=resources)
    async def g() -> str:
        return f()

    @monitor.operation("f", resources=resources)
    def walk() -> Any:
        yield f()

    before = context.get_current()
    assert f() == "f"
    assert run(g()) == "f"
    assert list(walk()) == ["f"]
    with monitor.operation("f", resources=resources) as call:
        call.set_attribute("a", 1)
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        f(error)
    assert caught.value is error
    assert caught.value.__context__ is None
    assert context.get_current() is before
    # f, f in g, g, f in walk, walk, the block, f that fails.
    assert _value(monitor, "operation_duration_seconds_count", operation="f") == 7
    assert _value(monitor, "operation_duration_seconds_sum", operation="f") == 6
    assert _value(monitor, "operation_in_progress", operation="f") == 0
    assert _value(monitor, "operation_errors_total", operation="f", error_type="ValueError") == 1
    assert _faults(monitor, where) == 7
    ours = [record for record in caplog.records if record.name == "vitalspan"]
    assert len(ours) == 1
    assert ours[0].levelno == logging.WARNING


def test_an_exporter_that_raises_breaks_no_call(make, caplog):
    class Exporter(InMemorySpanExporter):
        def export(self, spans: Any) -> Any:
            raise RuntimeError("export")

    monitor = make(_provider(SimpleSpanProcessor(Exporter())))
    assert monitor.operation("f")(lambda: "f")() == "f"
    assert _value(monitor, "operation_duration_seconds_count", operation="f") == 1


def test_an_exception_without_text_still_ends_its_span(traced, exported, sample):
    class Mute(Exception):
        def __str__(self) -> str:
            raise LookupError

    with pytest.raises(Mute), traced.operation("b"):
        raise Mute
    span = exported()["b"]
    assert span.attributes["error.type"].endswith("Mute")
    assert span.status.status_code is StatusCode.ERROR


def test_a_huge_exception_text_is_cut_in_the_status(traced, exported):
    with pytest.raises(ValueError, match="x"), traced.operation("b"):
        raise ValueError("x" * 1_000_000)
    assert len(exported()["b"].status.description) < 300


# Sampling and exemplars


class _RecordOnly(Sampler):
    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self) -> str:
        return "records"


def _exemplars(monitor: vs.Monitor) -> dict[str, Any]:
    text = monitor.generate_latest(Format.OPENMETRICS_1_0_0).decode()
    return {
        sample.labels["le"]: sample.exemplar
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "operation_duration_seconds_bucket" and sample.exemplar
    }


def _collected_exemplars(monitor: vs.Monitor) -> dict[str, Any]:
    return {
        sample.labels["le"]: sample.exemplar
        for family in monitor.registry.collect()
        for sample in family.samples
        if sample.exemplar
    }


def test_unsampled_calls_have_no_exemplars_and_unsampled_children(make, clock, run):
    exporter = InMemorySpanExporter()
    monitor = make(_provider(SimpleSpanProcessor(exporter), sampler=ParentBased(root=ALWAYS_OFF)))
    seen = []

    @monitor.operation("inner")
    def inner() -> None:
        clock.advance(1)
        seen.append(trace.get_current_span().get_span_context())

    @monitor.operation("outer")
    def outer() -> None:
        seen.append(trace.get_current_span().get_span_context())
        inner()

    outer()
    assert exporter.get_finished_spans() == ()
    assert seen[0].trace_id == seen[1].trace_id
    assert [one.trace_flags.sampled for one in seen] == [False, False]
    assert [call.trace_id for call in monitor.recent_calls()] == [None, None]
    assert _exemplars(monitor) == _collected_exemplars(monitor) == {}
    assert _value(monitor, "operation_duration_seconds_count", operation="outer") == 1
    assert not trace.get_current_span().get_span_context().is_valid


def test_recorded_but_unsampled_calls_have_ids_and_no_exemplars(make):
    monitor = make(_provider(sampler=_RecordOnly()))
    with monitor.operation("b") as call:
        assert call.trace_id is not None
    (recent,) = monitor.recent_calls()
    assert recent.trace_id == call.trace_id
    assert _exemplars(monitor) == {}


def test_the_latest_sampled_call_of_each_bucket_is_its_exemplar(traced, clock, spans):
    f = traced.operation("f", resources=False)(clock.advance)
    for seconds in (0.003, 0.004, 0.3, 70, 80, 0.0035):
        f(seconds)
    f(0.0045)
    last = spans.get_finished_spans()
    ids = {
        bound: (_id(last[index].context.trace_id, 32), _id(last[index].context.span_id))
        for bound, index in (("0.005", 6), ("0.5", 2), ("+Inf", 4))
    }
    for exemplars in (_exemplars(traced), _collected_exemplars(traced)):
        assert {
            bound: (one.labels["trace_id"], one.labels["span_id"])
            for bound, one in exemplars.items()
        } == ids
        assert {bound: one.value for bound, one in exemplars.items()} == {
            "0.005": pytest.approx(0.0045),
            "0.5": pytest.approx(0.3),
            "+Inf": pytest.approx(80),
        }
        assert float(exemplars["0.005"].timestamp) == pytest.approx(clock.wall(), abs=0.001)
    # A later scrape shows them still.
    assert set(_exemplars(traced)) == set(ids)


def test_exemplars_of_every_kind_of_call(traced, clock, run, spans):
    @traced.operation("f", labels={"hostile": 'a"b\\c\n\u2028d\r'})
    async def f() -> Any:
        clock.advance(0.3)
        yield

    async def main() -> None:
        async for _ in f():
            pass

    run(main())
    (exemplar,) = _exemplars(traced).values()
    (span,) = spans.get_finished_spans()
    assert exemplar.labels["span_id"] == _id(span.context.span_id)
    assert _collected_exemplars(traced)["0.5"].labels["span_id"] == exemplar.labels["span_id"]


def test_the_text_formats_without_exemplars_have_none(traced, clock):
    traced.operation("f")(clock.advance)(1)
    assert " # {" not in traced.generate_latest().decode()
