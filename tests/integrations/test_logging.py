"""Records of logging that know their trace, and errors counted by logger."""

from __future__ import annotations

import io
import logging
import queue
from collections.abc import Iterator
from logging.handlers import QueueHandler

import pytest
from prometheus_client import CollectorRegistry, Counter

import vitalspan as vs
from vitalspan.integrations.logging import (
    ContextFilter,
    ContextFormatter,
    ErrorCounter,
    instrument,
)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger of the test's own, whose records go no further."""
    made = logging.Logger("shop.orders")  # noqa: LOG001
    yield made
    for handler in made.handlers:
        handler.close()


def written(logger: logging.Logger, formatter: logging.Formatter) -> io.StringIO:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    return output


def test_records_know_their_trace_and_operation(traced: vs.Monitor, logger: logging.Logger) -> None:
    output = written(
        logger,
        logging.Formatter("%(message)s %(component)s/%(operation)s %(trace_id)s %(span_id)s|"),
    )
    instrument(logger, monitor=traced)

    @traced.operation("checkout", component="payments")
    def checkout() -> str | None:
        logger.warning("inside")
        return vs.current_call().trace_id

    trace_id = checkout()
    logger.warning("outside")
    inside, outside, _ = output.getvalue().replace("\n", "").split("|")
    message, where, trace, span = inside.split(" ")
    assert (message, where, trace) == ("inside", "payments/checkout", trace_id)
    assert len(span) == 16
    assert outside == "outside /  "


def test_without_spans(monitor: vs.Monitor, logger: logging.Logger) -> None:
    output = written(logger, ContextFormatter("%(operation)s|%(trace_id)s"))
    with monitor.operation("block") as call:
        logger.warning("x")
        call.add("rows")
    assert output.getvalue() == "block|\n"


def test_the_format_that_comes_with_it(monitor: vs.Monitor, logger: logging.Logger) -> None:
    output = written(logger, ContextFormatter())
    logger.error("no such order")
    assert output.getvalue().endswith(
        "ERROR shop.orders: no such order [component= operation= trace_id= span_id=]\n"
    )


def test_a_queue_takes_the_context_along(monitor: vs.Monitor, logger: logging.Logger) -> None:
    handler = QueueHandler(queue.SimpleQueue())
    handler.addFilter(ContextFilter())
    logger.addHandler(handler)
    with monitor.operation("checkout") as call:
        logger.warning("x")
        call.add("rows")
    record = handler.queue.get()
    # Elsewhere, later.
    assert ContextFilter().filter(record)
    assert record.operation == "checkout"


def test_errors_are_counted_by_logger(monitor: vs.Monitor, logger: logging.Logger) -> None:
    instrument(logger, monitor=monitor)
    instrument(logger, monitor=monitor)
    logger.info("fine")
    logger.warning("hm")
    for _ in range(3):
        logger.error("no such order")
    logger.log(45, "between error and critical")
    value = monitor.registry.get_sample_value

    def count(level: str) -> float | None:
        return value("log_records_total", {"logger": "shop.orders", "level": level})

    assert (count("warning"), count("error"), count("info")) == (1, 4, None)


def test_names_of_levels_may_be_changed(monitor: vs.Monitor, logger: logging.Logger) -> None:
    instrument(logger, monitor=monitor)
    name = logging.getLevelName(logging.ERROR)
    logging.addLevelName(logging.ERROR, "\x1b[31mERROR\x1b[0m")
    try:
        logger.error("no such order")
    finally:
        logging.addLevelName(logging.ERROR, name)
    labels = {"logger": "shop.orders", "level": "error"}
    assert monitor.registry.get_sample_value("log_records_total", labels) == 1


def test_loggers_are_bounded(monitor: vs.Monitor) -> None:
    counter = ErrorCounter(monitor=monitor)
    for number in range(250):
        counter.handle(logging.LogRecord(f"x{number}", logging.ERROR, "", 0, "", (), None))
    value = monitor.registry.get_sample_value
    assert value("log_records_total", {"logger": "_overflow", "level": "error"}) == 50


def test_a_metric_that_is_taken(registry: CollectorRegistry, monitor: vs.Monitor) -> None:
    Counter("log_records", "Somebody's.", registry=registry)
    with pytest.raises(vs.ConfigurationError, match="rename your metric"):
        ErrorCounter(monitor=monitor)
