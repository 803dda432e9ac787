"""The settings of the export, from OpenTelemetry's environment variables.

They follow OpenTelemetry's specification, "OpenTelemetry Protocol Exporter" and "Periodic exporting
MetricReader". Each `OTEL_EXPORTER_OTLP_METRICS_*` takes precedence over the variable without
`METRICS_`.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from vitalspan.errors import ConfigurationError
from vitalspan.http_client.target import HttpTarget, with_scheme

WHAT: Final = "OTLP metrics"

_OTLP: Final = "OTEL_EXPORTER_OTLP_"
_METRICS: Final = f"{_OTLP}METRICS_"
_PREFERENCE: Final = f"{_METRICS}TEMPORALITY_PREFERENCE"
_AGGREGATION: Final = f"{_METRICS}DEFAULT_HISTOGRAM_AGGREGATION"

_HTTP: Final = "http/protobuf"
_GRPC: Final = "grpc"
_ENDPOINTS: Final = {_HTTP: "http://localhost:4318", _GRPC: "http://localhost:4317"}
_PATH: Final = "/v1/metrics"

_SECONDS_UP_TO: Final = 100
"""OTLP timeouts above this are in milliseconds."""


@dataclass(frozen=True)
class OtlpSettings:
    """The settings of the export.

    Attributes:
        target: the receiver, with headers.
        grpc: whether to use gRPC rather than HTTP.
        gzip: whether requests are compressed.
        interval: seconds between two exports.
        timeout: the maximum number of seconds of one request.
        export_timeout: the maximum number of seconds of the requests of one export.
        exponential: whether durations are exponential histograms.
    """

    target: HttpTarget
    grpc: bool = False
    gzip: bool = True
    interval: float = 60.0
    timeout: float = 10.0
    export_timeout: float = 30.0
    exponential: bool = False

    @classmethod
    def from_environment(
        cls,
        environ: Mapping[str, str] = os.environ,
        *,
        endpoint: str | None = None,
        protocol: str | None = None,
    ) -> OtlpSettings:
        """Return the settings of the `OTEL_*` variables.

        Args:
            environ: the variables.
            endpoint: replaces that of the variables; without a scheme, it is `http://`, except with
                gRPC, where it is `https://` unless `OTEL_EXPORTER_OTLP_INSECURE` is true.
            protocol: `http/protobuf` or `grpc`, replaces that of the variables.

        Raises:
            ConfigurationError: for an invalid value.
        """
        variables = _Variables(environ)
        variables.check_temporality()
        protocol = variables.protocol(protocol)
        return cls(
            target=variables.target(endpoint, grpc=protocol == _GRPC),
            grpc=protocol == _GRPC,
            gzip=variables.choice("COMPRESSION", "gzip", ("gzip", "none")) == "gzip",
            interval=variables.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60.0),
            timeout=variables.timeout(10.0),
            export_timeout=variables.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT", 30.0),
            exponential=variables.is_exponential(),
        )


class _Variables:
    """The environment variables; an empty one counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def get(self, name: str) -> tuple[str, str]:
        """Return the name and value of the variable for metrics, or of the one for all signals."""
        for variable in (_METRICS + name, _OTLP + name):
            value = self._environ.get(variable, "").strip()
            if value:
                return variable, value
        return _OTLP + name, ""

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Return a value that has to be one of some words."""
        variable, value = self.get(name)
        value = value.lower() or default
        if value not in choices:
            raise ConfigurationError(
                f"{variable}={value!r:.80} is not supported: use {' or '.join(choices)}"
            )
        return value

    def protocol(self, argument: str | None) -> str:
        """Return the protocol."""
        if argument is not None:
            if argument not in _ENDPOINTS:
                raise ConfigurationError(f"protocol={argument!r:.80}: use {_HTTP} or {_GRPC}")
            return argument
        return self.choice("PROTOCOL", _HTTP, tuple(_ENDPOINTS))

    def check_temporality(self) -> None:
        """Refuse delta temporality, because Prometheus' counters are cumulative."""
        preference = self._environ.get(_PREFERENCE, "").strip()
        if preference.lower() not in ("", "cumulative"):
            raise ConfigurationError(
                f"{_PREFERENCE}={preference!r:.80} is not supported: metrics of Prometheus are "
                "cumulative, so use cumulative, and let a collector make deltas of them"
            )

    def is_exponential(self) -> bool:
        """Return whether histograms should be exponential if possible."""
        explicit, exponential = "explicit_bucket_histogram", "base2_exponential_bucket_histogram"
        aggregation = self._environ.get(_AGGREGATION, "").strip().lower() or explicit
        if aggregation not in (explicit, exponential):
            raise ConfigurationError(
                f"{_AGGREGATION}={aggregation!r:.80} is not supported: "
                f"use {explicit} or {exponential}"
            )
        return aggregation == exponential

    def milliseconds(self, variable: str, default: float) -> float:
        """Return the seconds in a variable that is in milliseconds."""
        text = self._environ.get(variable, "").strip()
        return _positive(variable, text) / 1000 if text else default

    def timeout(self, default: float) -> float:
        """Return the maximum number of seconds of a request.

        The specification says milliseconds, but OpenTelemetry's Python exporters use seconds: small
        numbers are seconds.
        """
        variable, text = self.get("TIMEOUT")
        if not text:
            return default
        number = _positive(variable, text)
        return number if number <= _SECONDS_UP_TO else number / 1000

    def target(self, endpoint: str | None, *, grpc: bool) -> HttpTarget:
        """Return the target of requests."""
        variable, url = self.get("ENDPOINT")
        path = _PATH
        if endpoint is not None:
            variable, url = "the endpoint", endpoint if grpc else with_scheme(endpoint)
        elif url and variable.startswith(_METRICS):
            path = ""
        url = url or _ENDPOINTS[_GRPC if grpc else _HTTP]
        if grpc:
            path = ""
            if "://" not in url:
                _, insecure = self.get("INSECURE")
                url = f"{'http' if insecure.lower() == 'true' else 'https'}://{url}"
        tls = self._tls(grpc=grpc) if url.lower().startswith("https:") else None
        return HttpTarget(f"{WHAT}: {variable}", url, path=path, headers=self._headers(), tls=tls)

    def _headers(self) -> dict[str, str]:
        headers = {}
        variable, text = self.get("HEADERS")
        for item in text.split(","):
            key, equals, value = item.partition("=")
            if equals and key.strip():
                headers[unquote(key.strip())] = unquote(value.strip())
            elif item.strip():
                # Its text may be part of a secret.
                raise ConfigurationError(
                    f"{variable}: an element has no equals sign: use key=value,key=value"
                )
        return headers

    def _tls(self, *, grpc: bool) -> ssl.SSLContext:
        variable, authority = self.get("CERTIFICATE")
        try:
            context = ssl.create_default_context(cafile=authority or None)
            variable, certificate = self.get("CLIENT_CERTIFICATE")
            if certificate:
                key = self.get("CLIENT_KEY")[1] or None
                # Without a password, OpenSSL would ask for that of an encrypted key on the
                # terminal.
                context.load_cert_chain(certificate, key, password=lambda: b"")
        except OSError as refused:
            raise ConfigurationError(
                f"{variable}: the file cannot be used as a certificate in PEM format: "
                f"{refused.strerror or refused}"
            ) from None
        if grpc:
            context.set_alpn_protocols(["h2"])
        return context


def _positive(variable: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    # A week is longer than anybody waits, and short enough for a thread to wait.
    if not 0 < number <= 7 * 86_400_000:
        raise ConfigurationError(f"{variable}={text!r:.80}: use milliseconds above 0")
    return number
