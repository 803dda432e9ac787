"""The number of series is bounded, and what is beyond the bound is counted in one series."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.recording.detail_counts import MAX_ERROR_TYPES


@pytest.fixture
def small(clock: vs.ManualClock, registry: CollectorRegistry) -> vs.Monitor:
    return vs.Monitor(registry=registry, clock=clock, system_metrics=False, max_series=3)


def counts(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "operation_duration_seconds_count"
    }


def test_beyond_the_bound_there_is_one_overflow_series(
    small: vs.Monitor, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    for round_ in range(2):
        for number in range(10):
            with small.operation("f", labels={"user": number}):
                pass
        with small.operation("g"):
            pass
        assert round_ == 0 or len(caplog.records) == 1
    found = counts(registry)
    assert found == {
        ("default", "f", "0"): 2,
        ("default", "f", "1"): 2,
        ("default", "f", "2"): 2,
        ("_overflow", "_overflow"): 16,
    }
    assert registry.get_sample_value("vitalspan_series") == 4
    assert registry.get_sample_value("vitalspan_series_overflows_total") == 16
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("vitalspan", logging.WARNING)
    assert "max_series" in record.getMessage()


def test_decorated_functions_overflow_too(small: vs.Monitor, registry: CollectorRegistry) -> None:
    functions = [small.operation(f"f{number}")(lambda: 7) for number in range(6)]
    for function in functions:
        for _ in range(40):
            assert function() == 7
    found = counts(registry)
    assert found["_overflow", "_overflow"] == 120
    assert sum(found.values()) == 240
    assert registry.get_sample_value("vitalspan_series_overflows_total") == 3


def test_the_shown_operation_of_an_overflowed_call(small: vs.Monitor) -> None:
    for number in range(4):
        with small.operation(f"f{number}", labels={"a": "b"}):
            pass
    assert small.recent_calls()[-1].operation == "_overflow"


def test_known_series_go_on(small: vs.Monitor, registry: CollectorRegistry) -> None:
    first = small.operation("f0")(lambda: None)
    for number in range(50):
        with small.operation(f"f{number}"):
            pass
        first()
    assert counts(registry)["default", "f0"] == 51


def test_a_raised_bound_takes_effect(small: vs.Monitor, registry: CollectorRegistry) -> None:
    for number in range(5):
        with small.operation(f"f{number}"):
            pass
    small.configure(max_series=5)
    for number in range(6):
        with small.operation(f"f{number}"):
            pass
    found = counts(registry)
    assert len(found) == 6
    assert found["_overflow", "_overflow"] == 3
    assert sum(found.values()) == 11


def test_a_user_may_name_an_operation_like_the_overflow(
    small: vs.Monitor, registry: CollectorRegistry
) -> None:
    for _ in range(2):
        with small.operation("_overflow", component="_overflow"):
            pass
        for number in range(5):
            with small.operation(f"f{number}"):
                pass
    assert counts(registry)["_overflow", "_overflow"] == 6
    page = vs.generate_latest(registry).decode()
    name = "operation_duration_seconds_count{"
    lines = [line.split(" ")[0] for line in page.splitlines() if line.startswith(name)]
    assert len(lines) == len(set(lines)) == 4


def test_in_progress_and_errors_of_the_overflow(
    small: vs.Monitor, sample: Callable[..., float | None]
) -> None:
    for number in range(3):
        with small.operation(f"f{number}"):
            pass
    overflow = {"component": "_overflow", "operation": "_overflow"}

    def fail() -> None:
        with small.operation("f3") as call:
            call.add("items", 2)
            assert sample("operation_in_progress", **overflow) == 1
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert sample("operation_in_progress", **overflow) == 0
    assert sample("operation_errors_total", **overflow, error_type="ValueError") == 1
    assert sample("operation_items_total", **overflow) == 2


def test_error_types_are_capped(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    for _ in range(2):
        for number in range(MAX_ERROR_TYPES + 5):
            kind = type(f"E{number}", (Exception,), {"__module__": "builtins"})
            with pytest.raises(kind), monitor.operation("f"):
                raise kind
    errors = {
        sample.labels["error_type"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "operation_errors_total"
    }
    assert len(errors) == MAX_ERROR_TYPES + 1
    assert errors["E0"] == errors[f"E{MAX_ERROR_TYPES - 1}"] == 2
    assert errors["_OTHER"] == 10


def test_series_made_by_many_threads_at_once(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, system_metrics=False, max_series=50)
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for number in range(100):
            with monitor.operation(f"f{number}"):
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = counts(registry)
    assert len(found) == 51
    assert sum(found.values()) == 800
    assert found["default", "f0"] == 8
    assert found["_overflow", "_overflow"] == 400
    assert registry.get_sample_value("vitalspan_series_overflows_total") == 400
    monitor.close()


def test_a_logging_handler_may_record_operations(
    small: vs.Monitor, registry: CollectorRegistry
) -> None:
    class Recording(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with small.operation("log"):
                pass

    handler = Recording()
    logging.getLogger("vitalspan").addHandler(handler)
    try:
        for number in range(5):
            with small.operation(f"f{number}"):
                pass
    finally:
        logging.getLogger("vitalspan").removeHandler(handler)
    assert sum(counts(registry).values()) == 6
