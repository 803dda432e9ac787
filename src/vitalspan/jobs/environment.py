"""The environment variables of a job: its sinks, and its trace context."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

from opentelemetry import propagate
from opentelemetry.context import Context

from vitalspan.environment_settings import PREFIX
from vitalspan.errors import ConfigurationError
from vitalspan.http_client.target import with_scheme
from vitalspan.jobs.otlp import Otlp
from vitalspan.jobs.ping import Ping
from vitalspan.jobs.pushgateway import Pushgateway
from vitalspan.jobs.sink import Sink
from vitalspan.jobs.textfile import Textfile

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})


def _otlp(text: str) -> Sink | None:
    if text.lower() in _NO:
        return None
    return Otlp(None if text.lower() in _YES else text)


_SINKS: Final[Mapping[str, Callable[[str], Sink | None]]] = {
    "JOB_PUSHGATEWAY": lambda text: Pushgateway(with_scheme(text)),
    "JOB_TEXTFILE": Textfile,
    "JOB_PING": lambda text: Ping(with_scheme(text)),
    "JOB_OTLP": _otlp,
}
"""The variables, each with a function that makes a sink from its value."""


def sinks_of_environment(environ: Mapping[str, str] = os.environ) -> tuple[Sink, ...]:
    """Return the sinks in `VITALSPAN_JOB_*` variables.

    Raises:
        ConfigurationError: for an invalid value; the message names the variable.
    """
    sinks = []
    for name, make in _SINKS.items():
        text = environ.get(PREFIX + name, "").strip()
        if text:
            try:
                sinks.append(make(text))
            except ConfigurationError as refused:
                raise ConfigurationError(f"{PREFIX}{name}: {refused}") from None
    return tuple(sink for sink in sinks if sink is not None)


def context_of_environment(environ: Mapping[str, str] = os.environ) -> Context:
    """Return the context in `TRACEPARENT`, `BAGGAGE` and similar variables.

    The names of the variables are the fields of the configured propagators in capital letters
    (OpenTelemetry specification, "Environment Variables as Context Propagation Carriers").
    """
    fields = propagate.get_global_textmap().fields
    carrier = {field: environ[_variable(field)] for field in fields if _variable(field) in environ}
    return propagate.extract(carrier)


def environment_of_context() -> dict[str, str]:
    """Return variables with the current context, for a command to be started."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {_variable(field): value for field, value in carrier.items()}


def _variable(field: str) -> str:
    return "".join(one if one.isalnum() else "_" for one in field.upper())
