from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.certificates import Authority
from vitalspan.bridge.otlp.export_registry import registry_exporter
from vitalspan.bridge.otlp.settings import OtlpSettings
from vitalspan.clock import SystemClock

OTLP, METRICS = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_METRICS_"


def settings(**variables: str) -> OtlpSettings:
    return OtlpSettings.from_environment(variables)


def url(found: OtlpSettings) -> str:
    return found.target.absolute(found.target.selector)


def test_the_defaults() -> None:
    found = settings()
    assert url(found) == "http://localhost:4318/v1/metrics"
    assert (found.grpc, found.gzip, found.exponential) == (False, True, False)
    assert (found.interval, found.timeout, found.export_timeout) == (60.0, 10.0, 30.0)


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"OTLP": "http://c:4318"}, "http://c:4318/v1/metrics"),
        ({"OTLP": "http://c:4318/mycollector/"}, "http://c:4318/mycollector/v1/metrics"),
        ({"OTLP": "http://c"}, "http://c:80/v1/metrics"),
        ({"OTLP": "https://c"}, "https://c:443/v1/metrics"),
        ({"METRICS": "http://c:1/v1/metrics/"}, "http://c:1/v1/metrics/"),
        ({"METRICS": "http://c:1"}, "http://c:1/"),
        ({"METRICS": "http://c:1/x", "OTLP": "http://other"}, "http://c:1/x"),
        ({"METRICS": "", "OTLP": "http://other"}, "http://other:80/v1/metrics"),
    ],
)
def test_the_endpoint_by_http(variables: dict[str, str], wanted: str) -> None:
    prefixes = {"OTLP": OTLP, "METRICS": METRICS}
    environ = {f"{prefixes[name]}ENDPOINT": value for name, value in variables.items()}
    assert url(settings(**environ)) == wanted


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, ("http", "localhost", 4317)),
        ({"ENDPOINT": "http://c:1"}, ("http", "c", 1)),
        ({"ENDPOINT": "https://c:1"}, ("https", "c", 1)),
        ({"ENDPOINT": "c:1"}, ("https", "c", 1)),
        ({"ENDPOINT": "c:1", "INSECURE": "true"}, ("http", "c", 1)),
    ],
)
def test_the_endpoint_by_grpc(variables: dict[str, str], wanted: tuple[Any, ...]) -> None:
    environ = {f"{OTLP}{name}": value for name, value in variables.items()}
    target = settings(**environ, **{f"{METRICS}PROTOCOL": "grpc"}).target
    assert (target.scheme, target.host, target.port) == wanted


def test_what_is_given_goes_before_the_variables() -> None:
    environ = {f"{OTLP}ENDPOINT": "http://other", f"{OTLP}PROTOCOL": "grpc"}
    found = OtlpSettings.from_environment(environ, endpoint="http://c:1", protocol="http/protobuf")
    assert url(found) == "http://c:1/v1/metrics"
    assert not found.grpc


def test_an_endpoint_that_is_given_may_have_no_scheme() -> None:
    by_http = OtlpSettings.from_environment({}, endpoint="c:1")
    assert url(by_http) == "http://c:1/v1/metrics"
    # Otherwise headers with passwords would be sent in plain text.
    by_grpc = OtlpSettings.from_environment({}, endpoint="c:1", protocol="grpc")
    assert by_grpc.target.scheme == "https"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 10.0), ("0.5", 0.5), ("100", 100.0), ("101", 0.101), ("10000", 10.0)],
)
def test_timeouts_in_seconds_and_in_milliseconds(text: str, seconds: float) -> None:
    assert settings(**{f"{OTLP}TIMEOUT": text}).timeout == seconds


def test_the_variables_of_the_reader_are_milliseconds() -> None:
    found = settings(OTEL_METRIC_EXPORT_INTERVAL="5000", OTEL_METRIC_EXPORT_TIMEOUT="250")
    assert (found.interval, found.export_timeout) == (5.0, 0.25)


def test_headers_of_metrics_go_before_those_of_all_signals() -> None:
    environ = {f"{OTLP}HEADERS": "a=1", f"{METRICS}HEADERS": " x-key = se%2Ccret , b=c=d,"}
    headers = settings(**environ).target.headers
    assert (headers["x-key"], headers["b"]) == ("se,cret", "c=d")
    assert "a" not in headers


def test_exponential_histograms() -> None:
    variable = f"{METRICS}DEFAULT_HISTOGRAM_AGGREGATION"
    assert settings(**{variable: "base2_exponential_bucket_histogram"}).exponential
    assert not settings(**{variable: "explicit_bucket_histogram"}).exponential


@pytest.mark.parametrize("wanted", ["", "cumulative", "CUMULATIVE"])
def test_cumulative_is_what_there_is(wanted: str) -> None:
    settings(**{f"{METRICS}TEMPORALITY_PREFERENCE": wanted})


@pytest.mark.parametrize("wanted", ["delta", "lowmemory", "LowMemory", "x"])
def test_delta_is_refused_in_one_line(wanted: str) -> None:
    with pytest.raises(vs.ConfigurationError) as caught:
        settings(**{f"{METRICS}TEMPORALITY_PREFERENCE": wanted})
    assert str(caught.value) == (
        f"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE={wanted!r} is not supported: metrics "
        "of Prometheus are cumulative, so use cumulative, and let a collector make deltas of them"
    )


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        (f"{OTLP}PROTOCOL", "http/json", "use http/protobuf or grpc"),
        (f"{METRICS}COMPRESSION", "zstd", "use gzip or none"),
        (f"{METRICS}DEFAULT_HISTOGRAM_AGGREGATION", "x", "explicit_bucket_histogram or"),
        (f"{OTLP}TIMEOUT", "soon", "above 0"),
        (f"{OTLP}TIMEOUT", "-1", "above 0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "above 0"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "nan", "above 0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1e99", "above 0"),
        (f"{OTLP}ENDPOINT", "ftp://x", "http:// or https://"),
        (f"{OTLP}ENDPOINT", "localhost:4318", "http:// or https://"),
        (f"{OTLP}HEADERS", "a", "use key=value"),
        (f"{OTLP}HEADERS", "a b=c", "cannot be a header's name"),
    ],
)
def test_a_value_that_cannot_be(variable: str, value: str, hint: str) -> None:
    with pytest.raises(vs.ConfigurationError) as caught:
        settings(**{variable: value})
    assert hint in str(caught.value)


def test_secrets_are_not_in_messages() -> None:
    with pytest.raises(vs.ConfigurationError) as caught:
        settings(**{f"{OTLP}HEADERS": "authorization: Bearer topsecret"})
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("name", ["CERTIFICATE", "CLIENT_CERTIFICATE"])
def test_a_certificate_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    file = tmp_path / "no.pem"
    for _ in range(2):
        with pytest.raises(vs.ConfigurationError, match=f"{OTLP}{name}: the file cannot be used"):
            settings(**{f"{OTLP}ENDPOINT": "https://c", f"{OTLP}{name}": str(file)})
        file.write_text("nothing of that kind")


def test_a_key_with_a_password_is_refused_and_asks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = Authority(tmp_path).issue("client", password=b"secret")
    given: list[Any] = []
    load = ssl.SSLContext.load_cert_chain

    def recorded(context: ssl.SSLContext, *files: Any, **options: Any) -> None:
        given.append(options["password"]())
        load(context, *files, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", recorded)
    with pytest.raises(vs.ConfigurationError, match="CLIENT_CERTIFICATE: the file cannot be used"):
        settings(
            **{
                f"{OTLP}ENDPOINT": "https://c",
                f"{OTLP}CLIENT_CERTIFICATE": str(certificate),
                f"{OTLP}CLIENT_KEY": str(key),
            }
        )
    assert given == [b""]


def test_a_scheme_in_capitals_has_the_certificate_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    found = settings(**{f"{OTLP}ENDPOINT": "HTTPS://c", f"{OTLP}CERTIFICATE": str(authority.file)})
    assert found.target.tls is not None
    assert [one["subject"] for one in found.target.tls.get_ca_certs()] == [
        ((("commonName", "ca"),),)
    ]


def test_what_is_disabled_reads_no_other_variable() -> None:
    environ = {"OTEL_SDK_DISABLED": "true", f"{OTLP}PROTOCOL": "udp"}
    exporter = registry_exporter(CollectorRegistry(), SystemClock(), environ=environ)
    assert exporter is None
    with pytest.raises(vs.ConfigurationError, match="udp"):
        registry_exporter(CollectorRegistry(), SystemClock(), environ={f"{OTLP}PROTOCOL": "udp"})


def test_an_unknown_protocol_of_a_program() -> None:
    with pytest.raises(vs.ConfigurationError, match="protocol='udp'"):
        OtlpSettings.from_environment({}, protocol="udp")
