"""Record operations as OpenTelemetry spans and Prometheus metrics."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vitalspan._version import __version__

if TYPE_CHECKING:
    from vitalspan.bridge.prometheus_reader import PrometheusMetricReader
    from vitalspan.clock import Clock, ManualClock, SystemClock
    from vitalspan.default import api, cache, configure, get_monitor, operation
    from vitalspan.errors import ConfigurationError, MissingExtraError, VitalspanError
    from vitalspan.exposition.formats import Format
    from vitalspan.exposition.generate import generate_latest
    from vitalspan.jobs.job import job
    from vitalspan.monitor import Monitor
    from vitalspan.recording.api import Api
    from vitalspan.recording.argument_labels import argument
    from vitalspan.recording.call import Call
    from vitalspan.recording.call_record import CallRecord
    from vitalspan.recording.counters import Cache
    from vitalspan.recording.current_call import current_call
    from vitalspan.recording.operation import Operation
    from vitalspan.rules.alert import Alert
    from vitalspan.serve.asgi import make_asgi_app
    from vitalspan.serve.server import start_http_server
    from vitalspan.serve.wsgi import make_wsgi_app

__all__ = [
    "Alert",
    "Api",
    "Cache",
    "Call",
    "CallRecord",
    "Clock",
    "ConfigurationError",
    "Format",
    "ManualClock",
    "MissingExtraError",
    "Monitor",
    "Operation",
    "PrometheusMetricReader",
    "SystemClock",
    "VitalspanError",
    "__version__",
    "api",
    "argument",
    "cache",
    "configure",
    "current_call",
    "generate_latest",
    "get_monitor",
    "job",
    "make_asgi_app",
    "make_wsgi_app",
    "operation",
    "start_http_server",
]

_MODULES = {
    "Alert": "rules.alert",
    "Api": "recording.api",
    "Cache": "recording.counters",
    "Call": "recording.call",
    "CallRecord": "recording.call_record",
    "Clock": "clock",
    "ConfigurationError": "errors",
    "Format": "exposition.formats",
    "ManualClock": "clock",
    "MissingExtraError": "errors",
    "Monitor": "monitor",
    "Operation": "recording.operation",
    "PrometheusMetricReader": "bridge.prometheus_reader",
    "SystemClock": "clock",
    "VitalspanError": "errors",
    "api": "default",
    "argument": "recording.argument_labels",
    "cache": "default",
    "configure": "default",
    "current_call": "recording.current_call",
    "generate_latest": "exposition.generate",
    "get_monitor": "default",
    "job": "jobs.job",
    "make_asgi_app": "serve.asgi",
    "make_wsgi_app": "serve.wsgi",
    "operation": "default",
    "start_http_server": "serve.server",
}


def __getattr__(name: str) -> Any:
    """Import a member on first use, because most programs use little of the package."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    fork = import_module(f"{__name__}.runtime.fork")
    with fork.imports_finish_first:
        module = import_module(f"{__name__}.{_MODULES[name]}")
    # The next lookup finds it without calling this function.
    member = globals()[name] = getattr(module, name)
    return member


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
