"""Record operations as OpenTelemetry spans and Prometheus metrics."""

from vitalspan._version import __version__
from vitalspan.bridge.exposition import generate_latest
from vitalspan.clock import Clock, ManualClock, SystemClock
from vitalspan.default import api, cache, configure, get_monitor, operation
from vitalspan.errors import ConfigurationError, MissingExtraError, VitalspanError
from vitalspan.monitor import Monitor
from vitalspan.record.call import Call
from vitalspan.record.counters import Api, Cache
from vitalspan.record.details import CallRecord
from vitalspan.record.operation import Operation

__all__ = [
    "Api",
    "Cache",
    "Call",
    "CallRecord",
    "Clock",
    "ConfigurationError",
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
    "operation",
]
