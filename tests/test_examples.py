"""The programs in examples/: each is started, driven, ended, and prints or serves what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.otlp_receiver import run_http_receiver
from support.paths import ROOT
from support.prometheus_server import prometheus_binary
from support.server_program import ServerProgram
from support.subprograms import COMMAND, SECONDS
from support.waiting import wait_until

EXAMPLES = ROOT / "examples"


def environment(variables: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1", **variables}


def run(name: str, *arguments: str, **variables: str) -> str:
    """Run an example to its end, and return what it printed."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=environment(variables),
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    return ended.stdout


@contextmanager
def service(name: str) -> Iterator[str]:
    """Run an example that serves HTTP, on a free port; give its address."""
    with subprocess.Popen(
        [sys.executable, EXAMPLES / name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment({"PORT": "0"}),
    ) as process:
        assert process.stdout
        output = []
        try:
            for line in process.stdout:
                output.append(line)
                address = re.search(r"http://127\.0\.0\.1:\d+", line)
                if address:
                    yield address.group()
                    break
            else:
                pytest.fail("".join(output))
        finally:
            process.terminate()
            output += process.stdout
    assert "Traceback" not in "".join(output), "".join(output)


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def scraped_with(url: str, *pieces: str) -> str:
    """The metrics, or nothing while one of these pieces is not in them.

    A client may have its response before the request has ended for the server.
    """
    metrics = get(f"{url}/metrics")[1]
    return metrics if all(piece in metrics for piece in pieces) else ""


def count(metrics: str, name: str, **labels: str) -> float:
    """The value of a sample that is there once, whatever its order of labels."""
    [value] = [
        line.rpartition(" ")[2]
        for line in metrics.splitlines()
        if line.startswith(f"{name}{{")
        and all(f'{label}="{text}"' in line for label, text in labels.items())
    ]
    return float(value)


def test_every_example_is_in_the_readme_and_short() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = sorted(EXAMPLES.glob("*.py"))
    assert examples
    for example in examples:
        assert f"(examples/{example.name})" in readme
        lines = example.read_text(encoding="utf-8").splitlines()
        assert 20 <= len(lines) <= 62, f"{example.name} has {len(lines)} lines"


def test_a_script() -> None:
    printed = run("script.py")
    assert "skipped: page 3 is damaged" in printed
    assert len(re.findall(r"^parse +ok ", printed, re.MULTILINE)) == 4
    assert count(printed, "operation_errors_total", error_type="ValueError") == 1
    assert count(printed, "operation_items_total", kind="fruit") == 12


def test_a_fastapi_service() -> None:
    with service("fastapi_service.py") as url:
        assert json.loads(get(f"{url}/orders/7")[1]) == {"number": 7, "status": "paid"}
        assert get(f"{url}/orders/404")[0] == 404
        metrics = wait_until(lambda: scraped_with(url, 'status="2xx"', 'status="4xx"'))
        requests = {"operation": "GET /orders/{number}", "component": "http"}
        for status in ("2xx", "4xx"):
            labels = {**requests, "status": status}
            assert count(metrics, "operation_duration_seconds_count", **labels) == 1
        assert count(metrics, "operation_duration_seconds_count", operation="query_status") == 1
        assert "operation_errors_total{" not in metrics
        assert get(f"{url}/-/ready")[0] == 200
        assert json.loads(get(f"{url}/health")[1])["model"] == "service"


def test_a_flask_service() -> None:
    with service("flask_service.py") as url:
        assert json.loads(get(f"{url}/orders/7")[1]) == {"number": 7, "status": "paid"}
        assert get(f"{url}/orders/13")[0] == 503
        metrics = wait_until(lambda: scraped_with(url, 'error_type="503"', 'status="2xx"'))
        requests = {"operation": "GET /orders/<int:number>", "component": "http"}
        assert count(metrics, "operation_duration_seconds_count", **requests, status="2xx") == 1
        assert count(metrics, "operation_errors_total", **requests, error_type="503") == 1
        assert count(metrics, "operation_errors_total", error_type="TimeoutError") == 1
        assert get(f"{url}/metrics/-/ready")[0] == 200


def test_rules_in_a_file() -> None:
    printed = run("rules_in_a_file.py")
    assert "warning: error_ratio of checkout is 2 %, above 1 %" in printed
    assert "\n  2% of the checkouts fail\n" in printed
    assert "checkout-availability: 10 of 500 calls were bad, 4 times as fast as it may" in printed


def test_the_rule_file_has_no_mistakes() -> None:
    checked = subprocess.run(
        [*COMMAND, "rules", "check", EXAMPLES / "rules_in_a_file.yml"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alerts_with_an_action() -> None:
    printed = run("alerts_with_an_action.py").splitlines()
    # The message may be read after the first hits. Where the history is shorter than the window
    # still, the line says so at its end.
    firing = re.compile(r"firing: cache_hit_ratio of pages is \d[\d.]* %, below 50 %")
    assert any(firing.match(line) for line in printed), printed
    # Two threads print, so two messages may share a line.
    assert any("CacheCold: reading all pages into the cache" in line for line in printed)
    assert any(line.startswith("resolved: cache_hit_ratio of pages is ") for line in printed)
    assert printed[-1].startswith("warm_up: ok, ")


def test_health_of_components() -> None:
    printed = run("health_of_components.py")
    assert re.match(r"\d+ of 100, (degraded|unhealthy|critical)\n- ", printed)
    assert "\n- error ratio " in printed
    assert "payments is unhealthy because of " in printed
    assert "search is healthy because of search" in printed
    assert "query: find out why" in printed


def test_a_cache_and_a_paid_api() -> None:
    printed = run("cache_and_paid_api.py")
    assert count(printed, "cache_requests_total", result="hit") == 1
    assert count(printed, "api_calls_total", outcome="error") == 1
    assert count(printed, "api_tokens_total") == 72
    assert count(printed, "api_cost_dollars_total") == pytest.approx(0.000144)
    assert printed.endswith("hit ratio: 0.25\n")


def test_traces_with_exemplars() -> None:
    with run_http_receiver() as receiver:
        printed = run(
            "traces_with_exemplars.py",
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
            OTEL_SERVICE_NAME="shop",
        )
    traces = set(re.findall(r'trace_id="([0-9a-f]{32})"', printed))
    assert traces
    assert traces <= receiver.traces
    last = re.search(r"trace of ship: ([0-9a-f]{32})", printed)
    assert last
    assert last.group(1) in receiver.traces
    assert receiver.spans["reserve"]["service.name"] == "shop"
    assert receiver.attributes["reserve"]["warehouse.region"] == "north"


def test_a_batch_run_writes_a_file(tmp_path: Path) -> None:
    file = tmp_path / "nightly_import.prom"
    run("batch_run.py", str(file))
    metrics = file.read_text(encoding="utf-8")
    assert count(metrics, "operation_rows_total", operation="save_rows", table="squares") == 1000
    assert "\nnightly_import_last_success_timestamp_seconds " in metrics


def test_a_run_has_a_report(tmp_path: Path) -> None:
    printed = run("report_of_a_run.py", str(tmp_path / "import.html"))
    assert "Report on the session import" in printed
    assert re.search(r"^rows left out +3$", printed, re.MULTILINE)
    page = (tmp_path / "import.html").read_text(encoding="utf-8")
    assert "row 27.3 has no date" in page
    assert "Since the session import" in page


class Pushgateway(ServerProgram):
    """A Pushgateway."""

    def flags(self) -> list[str]:
        return []

    def _command(self) -> list[str]:
        return [self._binary, f"--web.listen-address={self.url.removeprefix('http://')}"]


def test_a_batch_run_is_pushed(tmp_path: Path) -> None:
    binary = prometheus_binary("prometheus-pushgateway")
    with Pushgateway(binary, "", tmp_path) as gateway:
        run("batch_run.py", PUSHGATEWAY=gateway.url)
        metrics = get(f"{gateway.url}/metrics")[1]
    rows = {"job": "nightly_import", "operation": "save_rows", "table": "squares"}
    assert count(metrics, "operation_rows_total", **rows) == 1000
    assert count(metrics, "nightly_import_last_success_timestamp_seconds") > 0


def test_labels_from_arguments() -> None:
    printed = run("labels_from_arguments.py")
    assert count(printed, "operation_cents_total", plan="gold", size="large") == 25_000
    assert count(printed, "operation_cents_total", plan="free", size="small") == 300
    assert "Ada" not in printed
    assert printed.endswith("series were forgotten\n")


def test_the_tests_of_a_program_pass(tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--rootdir", tmp_path, "-c", os.devnull, EXAMPLES / "test_checkout.py"),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=environment({}),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "3 passed" in ended.stdout
