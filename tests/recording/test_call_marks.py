"""What a program says about its calls: errors=, fail and ok, labels that become known, links."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags
from prometheus_client import CollectorRegistry

import vitalspan as vs

COUNT = "operation_duration_seconds_count"


class Response:
    def __init__(self, status: int) -> None:
        self.status = status


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(params=["plain", "measured", "traced"])
def any_monitor(request: pytest.FixtureRequest, exporter: InMemorySpanExporter) -> Any:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monitor = vs.Monitor(
        registry=CollectorRegistry(),
        tracer_provider=provider if request.param == "traced" else None,
        system_metrics=False,
    )
    yield monitor
    monitor.close()
    provider.shutdown()


def read(monitor: vs.Monitor, name: str, **labels: str) -> float | None:
    return monitor.registry.get_sample_value(name, {"component": "default", **labels})


@pytest.mark.parametrize("resources", [False, True])
def test_errors_are_the_types_that_are_given(any_monitor: vs.Monitor, resources: bool) -> None:
    @any_monitor.operation("f", errors=(TimeoutError, OSError), resources=resources)
    def f(error: Exception) -> None:
        raise error

    for error in (TimeoutError(), KeyError(), FileNotFoundError()):
        with pytest.raises(type(error)):
            f(error)
    outcomes = [call.outcome for call in any_monitor.recent_calls()]
    assert outcomes == ["error", "ok", "error"]
    assert read(any_monitor, COUNT, operation="f") == 3


def test_errors_may_be_a_function(any_monitor: vs.Monitor) -> None:
    def is_error(error: BaseException) -> bool:
        if isinstance(error, ZeroDivisionError):
            raise RuntimeError("the filter is broken")
        return not isinstance(error, LookupError)

    for error in (ValueError(), KeyError(), ZeroDivisionError()):
        with pytest.raises(type(error)), any_monitor.operation("b", errors=is_error):
            raise error
    assert [call.outcome for call in any_monitor.recent_calls()] == ["error", "ok", "error"]
    name = "vitalspan_internal_errors_total"
    assert any_monitor.registry.get_sample_value(name, {"where": "errors"}) == 1


@pytest.mark.parametrize("resources", [False, True])
def test_results_can_be_errors(
    any_monitor: vs.Monitor, exporter: InMemorySpanExporter, resources: bool
) -> None:
    options: dict[str, Any] = {
        "error_results": lambda response: response.status >= 500,
        "resources": resources,
    }

    @any_monitor.operation("f", **options)
    def f(status: int) -> Response:
        return Response(status)

    @any_monitor.operation("g", **options)
    async def g(status: int) -> Response:
        return Response(status)

    for status in (200, 503):
        assert f(status).status == status
        assert asyncio.run(g(status)).status == status
    kind = f"result:{Response.__qualname__}"
    for name in ("f", "g"):
        assert read(any_monitor, COUNT, operation=name) == 2
        assert read(any_monitor, "operation_errors_total", operation=name, error_type=kind) == 1
    for span in exporter.get_finished_spans()[2:]:
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == kind


@pytest.mark.parametrize("resources", [False, True])
def test_what_a_generator_returns_can_be_an_error(any_monitor: vs.Monitor, resources: bool) -> None:
    @any_monitor.operation("f", error_results=lambda rows: rows == 0, resources=resources)
    def f(rows: int) -> Any:
        yield from range(rows)
        return rows

    assert list(f(2)) == [0, 1]
    assert list(f(0)) == []
    stopped = f(2)
    next(stopped)
    stopped.close()
    assert read(any_monitor, COUNT, operation="f") == 3
    assert read(any_monitor, "operation_errors_total", operation="f", error_type="result:int") == 1
    assert read(any_monitor, "operation_cancellations_total", operation="f") == 1


def test_where_nothing_is_returned_no_result_can_be_judged(any_monitor: vs.Monitor) -> None:
    operation = any_monitor.operation("f", error_results=bool)
    with pytest.raises(TypeError, match="an asynchronous generator returns nothing"):

        @operation
        async def f() -> Any:
            yield

    with pytest.raises(TypeError, match="a block returns nothing"):
        operation.__enter__()


def test_a_call_is_marked_by_hand(any_monitor: vs.Monitor, exporter: InMemorySpanExporter) -> None:
    with any_monitor.operation("b") as call:
        call.fail("the card was declined", error_type="declined")
    with suppress(ValueError), any_monitor.operation("b") as call:
        call.ok()
        raise ValueError
    with suppress(ValueError), any_monitor.operation("b") as call:
        call.fail(error_type="mine")
        raise ValueError
    with any_monitor.operation("b") as call:
        call.fail()
        call.ok()
    calls = any_monitor.recent_calls()
    assert [(one.outcome, one.error_type, one.error_message) for one in calls] == [
        ("error", "declined", "the card was declined"),
        ("ok", None, None),
        ("error", "mine", ""),
        ("ok", None, None),
    ]
    errors = "operation_errors_total"
    assert read(any_monitor, errors, operation="b", error_type="declined") == 1
    assert read(any_monitor, errors, operation="b", error_type="mine") == 1
    spans = exporter.get_finished_spans()
    codes = [span.status.status_code for span in spans]
    error, unset = StatusCode.ERROR, StatusCode.UNSET
    assert codes in ([], [error, unset, error, unset])
    if spans:
        assert spans[0].status.description == "the card was declined"
    call.fail("after its end")
    assert any_monitor.recent_calls()[-1].outcome == "ok"


def test_a_marked_call_is_bad_to_its_slo(any_monitor: vs.Monitor) -> None:
    any_monitor.rules.add_slo(name="works", objective="99%", where={"operation": "b"})
    with any_monitor.operation("b") as call:
        call.fail("no stock")
    with any_monitor.operation("b"):
        pass
    any_monitor.tick()
    assert any_monitor.registry.get_sample_value("slo_bad_events_total", {"slo": "works"}) == 1
    assert any_monitor.registry.get_sample_value("slo_events_total", {"slo": "works"}) == 2


def test_labels_become_known_at_the_end(any_monitor: vs.Monitor) -> None:
    for status in ("2xx", "2xx", "5xx"):
        with any_monitor.operation("b", labels={"method": "GET"}) as call:
            call.set_label("status", status)
            call.add("bytes", 10)
            if status == "5xx":
                call.fail()
            inside = read(any_monitor, "operation_in_progress", operation="b", method="GET")
            assert inside == 1
    known = {"operation": "b", "method": "GET"}
    assert read(any_monitor, COUNT, **known, status="2xx") == 2
    assert read(any_monitor, COUNT, **known, status="5xx") == 1
    assert read(any_monitor, COUNT, **known) is None
    assert read(any_monitor, "operation_in_progress", **known) == 0
    assert read(any_monitor, "operation_bytes_total", **known, status="2xx") == 20
    error = {"error_type": "_OTHER", "status": "5xx"}
    assert read(any_monitor, "operation_errors_total", **known, **error) == 1
    assert [call.labels["status"] for call in any_monitor.recent_calls()] == ["2xx", "2xx", "5xx"]


def test_late_labels_are_bounded(any_monitor: vs.Monitor) -> None:
    any_monitor.configure(max_series=5)
    for number in range(50):
        with any_monitor.operation("b") as call:
            call.set_label("user", number)
            call.set_label("not a name", 1)
    samples = [
        sample
        for family in any_monitor.registry.collect()
        for sample in family.samples
        if sample.name == COUNT
    ]
    assert sum(sample.value for sample in samples) == 50
    assert len(samples) <= 6
    name = "vitalspan_internal_errors_total"
    assert any_monitor.registry.get_sample_value(name, {"where": "label"}) == 50


@settings(deadline=None, max_examples=50)
@given(
    calls=st.lists(
        st.tuples(st.sampled_from(["", "a", "b", "c"]), st.booleans(), st.integers(0, 9)),
        max_size=60,
    )
)
def test_any_calls_with_late_labels_are_counted_once(calls: list[tuple[str, bool, int]]) -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    monitor.tick()
    expected: dict[str, list[float]] = {}
    for number, (label, failed, seconds) in enumerate(calls):
        with monitor.operation("b", resources=False) as call:
            clock.advance(seconds)
            if label:
                call.set_label("kind", label)
            if failed:
                call.fail()
        count = expected.setdefault(label, [0, 0.0, 0])
        count[0] += 1
        count[1] += seconds
        count[2] += failed
        if number % 7 == 0:
            monitor.tick()
    clock.advance(1)
    monitor.tick()
    for label, (count, total, errors) in expected.items():
        labels = {"operation": "b", **({"kind": label} if label else {})}
        assert read(monitor, COUNT, **labels) == count
        assert read(monitor, "operation_duration_seconds_sum", **labels) == total
        found = read(monitor, "operation_errors_total", **labels, error_type="_OTHER")
        assert (found or 0) == errors
    if calls:
        assert monitor.rules.read("rate", where={"operation": "b"}).samples == len(calls)
    monitor.close()


def test_kind_and_links(exporter: InMemorySpanExporter) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monitor = vs.Monitor(
        registry=CollectorRegistry(), tracer_provider=provider, system_metrics=False
    )
    other = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    monitor.operation("f", kind="server", links=[other])(lambda: None)()
    with monitor.operation("b", kind=SpanKind.CLIENT, links=[Link(other, {"why": "retry"})]):
        pass
    first, second = exporter.get_finished_spans()
    assert (first.kind, second.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert first.links[0].context == second.links[0].context == other
    assert second.links[0].attributes == {"why": "retry"}
    provider.shutdown()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "sever"}, "kind='sever': use one of internal, server, client"),
        ({"errors": 5}, "errors=5: use exception types"),
        ({"errors": (ValueError, "x")}, "use exception types"),
        ({"errors": int}, "use exception types"),
        ({"error_results": "x"}, "error_results='x': use a function"),
    ],
)
def test_options_that_cannot_be(monitor: vs.Monitor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.ConfigurationError, match=message):
        monitor.operation("b", **options)


def test_an_unknown_option_is_told(monitor: vs.Monitor) -> None:
    with pytest.raises(TypeError, match="no option 'lables': did you mean labels"):
        monitor.operation("b", lables={})  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="no option 'xyzzy': there are component"):
        monitor.operation("b", xyzzy=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="no option 'name': the name is its first argument"):
        monitor.operation(name="b")  # type: ignore[call-overload]
