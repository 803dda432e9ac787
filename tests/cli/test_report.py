"""`vitalspan report` on real and on hostile services."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.cli.main import main
from vitalspan.http_client.client import HttpResponse
from vitalspan.reports.text_format import as_text
from vitalspan.top import service_report
from vitalspan.top.json_fields import Fields
from vitalspan.top.service_report import ServiceApi


def test_a_report_on_a_real_service(
    registry: CollectorRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = vs.Monitor(registry=registry, tick_interval=0)
    monitor.tick()
    for at in range(40):
        try:
            with monitor.operation("checkout", component="shop"):
                if at % 4 == 0:
                    raise ValueError("out of <stock>")
        except ValueError:
            pass
    monitor.tick()
    with vs.start_http_server(port=0, registry=registry) as server:
        assert main(["report", server.url.removesuffix("/metrics")]) == 0
        text = capsys.readouterr().out
        assert main(["report", server.url, "--format", "html", "--range", "5m"]) == 0
        html = capsys.readouterr().out
        assert main(["report", server.url, "--range", "9999d"]) == 1
        refused = capsys.readouterr().err
        assert main(["report", f"{server.url}/x"]) == 1
        lost = capsys.readouterr().err
    assert "score  50.0 of 100  (unhealthy)" in text
    assert "checkout, 10 of 40 calls failed, all of them ValueError." in text
    rows = [line.split() for line in text.splitlines()]
    assert ["checkout", "ValueError", "10", "out", "of", "<stock>"] in rows
    assert "out of &lt;stock&gt;" in html
    assert "operations over 5 minutes" in html
    assert "answered 400: range" in refused
    assert "use the address of a page of vitalspan" in lost


def test_a_service_that_cannot_be_reported_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.startswith("vitalspan report: http://127.0.0.1:1/...: ")
    assert main(["report", "ftp://a"]) == 1
    assert "the URL needs http:// or https://" in capsys.readouterr().err


class Hostile(ServiceApi):
    """An API that answers the same document to everything."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def ask(self, name: str, query: str = "") -> Fields:
        return Fields(self._document)


NAMES = st.sampled_from(
    ["health", "score", "status", "reasons", "components", "component", "effective_score",
     "active", "state", "active_at", "operations", "figures", "count", "error_rate", "throughput",
     "p50", "p95", "errors_by_type", "recommendations", "subject", "total", "at", "notice"]
)  # fmt: skip
VALUES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5)
DOCUMENTS = st.dictionaries(
    NAMES,
    st.recursive(
        VALUES,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)


@given(DOCUMENTS)
def test_any_document_makes_a_report_without_control_characters(document: Any) -> None:
    report = service_report.service_report(Hostile(document), "a", 3600)
    assert all(line.isprintable() for line in as_text(report).split("\n"))


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": ' + b"1" * 5000])
def test_what_is_no_document(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_report, "get", lambda *_: HttpResponse(200, {}, body))
    with pytest.raises(service_report.ScrapeError, match="did not come from vitalspan"):
        ServiceApi("a", timeout=1).ask("health")


def test_fields_that_are_not_what_they_should_be() -> None:
    fields = Fields(json.loads('{"a": 1e999, "b": true, "c": "x", "d": [1, {"e": 2}, "y"]}'))
    assert [fields.number(name) for name in "abcd"] == [None] * 4
    assert Fields({"a": 10**400}).number("a") is None
    assert fields.text("b") == ""
    assert fields.texts("d") == ["y"]
    assert [bool(one) for one in fields.objects("d")] == [False, True, False]
    assert Fields({"at": 1e300}).moment("at") is None
