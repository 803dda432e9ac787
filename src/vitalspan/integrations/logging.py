"""Logging: records that know their trace and their operation, and errors counted by logger."""

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
"""Loggers that have series of their own."""

_UNKNOWN: Final = {"trace_id": "", "span_id": "", "operation": "", "component": ""}


class ContextFilter(logging.Filter):
    """Gives every record `trace_id`, `span_id`, `operation` and `component`, and drops none.

    They are those of the code that logs, empty where there are none, so put the filter on the
    handler that this code calls: on a `QueueHandler`, and not on what works off its queue.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Complete a record; one that is complete already stays as it is."""
        if "trace_id" not in vars(record):
            vars(record).update(_context())
        return True


class ContextFormatter(logging.Formatter):
    """Formats records with `trace_id`, `span_id`, `operation` and `component`.

    Args:
        fmt: a format with any of these; by default one that has all of them.
        *args: as `logging.Formatter` takes them.
        **kwargs: as `logging.Formatter` takes them.
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
        level: from which on records are counted.
        monitor: shows the counts; by default the default monitor does.

    Raises:
        ConfigurationError: if the registry has a metric of this name already.
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
    """Complete the records of all handlers that a logger has, and count its errors.

    Call it when logging is configured. A second time, it completes the handlers that are new.

    Args:
        logger: whose handlers they are; by default the root logger, which nearly all records reach.
        level: from which on records are counted.
        monitor: shows the counts; by default the default monitor does.

    Raises:
        ConfigurationError: if the registry has a metric `log_records_total` already.
    """
    logger = logger or logging.getLogger()
    for handler in logger.handlers:
        if not any(isinstance(one, ContextFilter) for one in handler.filters):
            handler.addFilter(ContextFilter())
    if not any(isinstance(handler, ErrorCounter) for handler in logger.handlers):
        logger.addHandler(ErrorCounter(level, monitor))


def _context() -> dict[str, str]:
    """Return what the code that logs belongs to."""
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
    """Return the standard level that a number belongs to; programs may have levels of their own."""
    for level in (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO):
        if number >= level:
            return logging.getLevelName(level).lower()
    return "debug"


_counter: Final = OnePerMonitor(
    lambda monitor: register(Counter, monitor, names.LOG_RECORDS, ["logger", "level"])
)
