"""Record operations as OpenTelemetry spans and Prometheus metrics."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vitalspan._version import __version__
from vitalspan.bridge.exposition import generate_latest
from vitalspan.bridge.formats import Format
from vitalspan.clock import Clock, ManualClock, SystemClock
from vitalspan.default import api, cache, configure, get_monitor, operation
from vitalspan.errors import ConfigurationError, MissingExtraError, VitalspanError
from vitalspan.monitor import Monitor
from vitalspan.record.call import Call
from vitalspan.record.counters import Api, Cache
from vitalspan.record.details import CallRecord
from vitalspan.record.operation import Operation

if TYPE_CHECKING:
    from vitalspan.rules.alert import Alert
    from vitalspan.serve.asgi import make_asgi_app
    from vitalspan.serve.http import start_http_server
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
    "SystemClock",
    "VitalspanError",
    "__version__",
    "api",
    "cache",
    "configure",
    "generate_latest",
    "get_monitor",
    "make_asgi_app",
    "make_wsgi_app",
    "operation",
    "start_http_server",
]

_LATER = {
    "Alert": "vitalspan.rules.alert",
    "make_asgi_app": "vitalspan.serve.asgi",
    "make_wsgi_app": "vitalspan.serve.wsgi",
    "start_http_server": "vitalspan.serve.http",
}


def __getattr__(name: str) -> Any:
    # The doors bring asyncio and TLS with them, which most processes never need.
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    door = globals()[name] = getattr(import_module(_LATER[name]), name)
    return door
