"""Logging: adds the trace and the operation to log records, and counts errors by logger."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
from prometheus_client import Counter

from vitalspan import metrics as names
from vitalspan.default import get_monitor
from vitalspan.labels import value_text
from vitalspan.monitor_metrics import OnePerMonitor, register
from vitalspan.recording.current_call import current_call

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

__all__ = ["ContextFilter", "ContextFormatter", "ErrorCounter", "instrument"]

FORMAT: Final = (
    "%(asctime)s %(levelname)s %(name)s: %(message)s "
    "[component=%(component)s operation=%(operation)s trace_id=%(trace_id)s span_id=%(span_id)s]"
)

_MOST_LOGGERS: Final = 200
"""The maximum number of loggers with their own series."""

_LEVELS: Final = (
    (logging.CRITICAL, "critical"),
    (logging.ERROR, "error"),
    (logging.WARNING, "warning"),
    (logging.INFO, "info"),
)
"""The standard levels. `logging` has their names as well, but programs change those."""

_UNKNOWN: Final = {"trace_id": "", "span_id": "", "operation": "", "component": ""}


class ContextFilter(logging.Filter):
    """Adds `trace_id`, `span_id`, `operation` and `component` to all records; it drops none.

    The values belong to the code that logs, and are empty if there are none. So add the filter to
    the handler that this code calls: a `QueueHandler`, not the handlers behind its queue.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields to a record, unless it has them already."""
        if "trace_id" not in vars(record):
            vars(record).update(_context())
        return True


class ContextFormatter(logging.Formatter):
    """Formats records with `trace_id`, `span_id`, `operation` and `component`.

    Args:
        fmt: a format with any of these fields; by default one that has all of them.
        *args: further arguments of `logging.Formatter`.
        **kwargs: further arguments of `logging.Formatter`.
    """

    def __init__(self, fmt: str | None = FORMAT, *args: Any, **kwargs: Any) -> None:
        super().__init__(fmt, *args, **kwargs)

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        if "trace_id" not in vars(record):
            vars(record).update(_context())
        return super().format(record)


class ErrorCounter(logging.Handler):
    """Counts records by logger and level, as `log_records_total`.

    Args:
        level: the lowest level that is counted.
        monitor: the monitor that shows the counts; None is the default monitor.

    Raises:
        ConfigurationError: if the registry already has a metric with this name.
    """

    def __init__(self, level: int | str = logging.WARNING, monitor: Monitor | None = None) -> None:
        super().__init__(level)
        self._counter = _counter(monitor or get_monitor())
        self._loggers: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record."""
        name = value_text(record.name)
        if name not in self._loggers:
            if len(self._loggers) >= _MOST_LOGGERS:
                name = names.OVERFLOW
            else:
                self._loggers.add(name)
        self._counter.labels(name, _level(record.levelno)).inc()


def instrument(
    logger: logging.Logger | None = None,
    *,
    level: int | str = logging.WARNING,
    monitor: Monitor | None = None,
) -> None:
    """Add the fields to the records of all handlers of a logger, and count its errors.

    Call it after logging has been configured. A second call adds them to new handlers.

    Args:
        logger: the logger; by default the root logger, which nearly all records reach.
        level: the lowest level that is counted.
        monitor: the monitor that shows the counts; None is the default monitor.

    Raises:
        ConfigurationError: if the registry already has a metric `log_records_total`.
    """
    logger = logger or logging.getLogger()
    for handler in logger.handlers:
        if not any(isinstance(one, ContextFilter) for one in handler.filters):
            handler.addFilter(ContextFilter())
    if not any(isinstance(handler, ErrorCounter) for handler in logger.handlers):
        logger.addHandler(ErrorCounter(level, monitor))


def _context() -> dict[str, str]:
    """Return the trace and the operation of the code that logs."""
    try:
        context = dict(_UNKNOWN)
        span = get_current_span().get_span_context()
        if span.is_valid:
            context["trace_id"] = format_trace_id(span.trace_id)
            context["span_id"] = format_span_id(span.span_id)
        site = current_call()._record[2]  # noqa: SLF001 - the call's own integration
        if site is not None:
            context["operation"] = site.series.operation
            context["component"] = site.series.component
    except Exception:  # noqa: BLE001 - a message must not be lost
        return dict(_UNKNOWN)
    return context


def _level(number: int) -> str:
    """Return the standard level for a number; programs may define levels of their own."""
    return next((name for level, name in _LEVELS if number >= level), "debug")


_counter: Final = OnePerMonitor(
    lambda monitor: register(Counter, monitor, names.LOG_RECORDS, ["logger", "level"])
)
