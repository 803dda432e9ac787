"""`vitalspan top` and `vitalspan health` against real servers."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pyte
import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.subprograms import COMMAND
from support.top_screens import exposition
from support.waiting import wait_until
from vitalspan.cli.main import main
from vitalspan.clock import ManualClock
from vitalspan.top.instances import Instance, metrics_url
from vitalspan.top.scrape_rounds import Rounds


@pytest.fixture
def monitor(registry: CollectorRegistry) -> vs.Monitor:
    monitor = vs.Monitor(registry=registry, tick_interval=0)
    record(monitor, 40)
    monitor.tick()
    return monitor


def record(monitor: vs.Monitor, calls: int) -> None:
    for at in range(calls):
        try:
            with monitor.operation("checkout", component="shop"):
                if at % 4 == 0:
                    raise ValueError("no")
        except ValueError:
            pass


@pytest.fixture
def url(monitor: vs.Monitor, registry: CollectorRegistry) -> Iterator[str]:
    with vs.start_http_server(port=0, registry=registry) as server:
        yield server.url


def top(*arguments: str) -> int:
    return main(["top", "--once", "--interval", "1ms", *arguments])


def test_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert top(url) == 0
    head, health, _, _, columns, row = capsys.readouterr().out.splitlines()
    assert head.startswith(f"vitalspan top  {url.split('/')[2]}  ")
    assert health.startswith("health  ")
    assert columns.split()[:3] == ["operation", "component", "calls/s↓"]
    assert row.split()[:3] == ["checkout", "shop", "0"]
    assert row.split()[-1] == "40"


def test_json(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert top("--json", url.removesuffix("/metrics").removeprefix("http://")) == 0
    found = json.loads(capsys.readouterr().out)
    [instance], [operation] = found["instances"], found["operations"]
    assert instance["error"] is None
    assert instance["status"] == "unhealthy"
    assert operation["errors"] == {"ValueError": 10}
    assert (operation["calls"], operation["call_rate"], operation["p95"]) == (40, 0, None)


def test_a_filter_and_a_service_that_is_away(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        top("--json", "--filter", "nothing", url, "http://127.0.0.1:1/metrics")
    assert ended.value.code == 1
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["operations"] == []
    assert "refused" in found["instances"][1]["error"]
    assert printed.err.startswith("vitalspan top: 127.0.0.1:1: ")


def test_mistakes_are_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "localhost:1", "localhost:1/"]) == 1
    assert capsys.readouterr().err == (
        "vitalspan top: a URL is given twice: its calls would be counted twice\n"
    )
    assert main(["top", "localhost:1"]) == 1
    assert "give --once or --json" in capsys.readouterr().err
    assert main(["top", "ftp://localhost"]) == 1
    assert "http://" in capsys.readouterr().err


def test_without_rich_the_command_that_installs_it_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert top("localhost:1") == 1
    assert "pip install 'vitalspan[top]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "status"), [("top", 1), ("health", 3), ("report", 1), ("stacks", 1)]
)
def test_a_host_that_is_none(command: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        ended: object = main([command, "http://me:secret@[::1"])
    except SystemExit as left:
        ended = left.code
    assert ended == status
    error = capsys.readouterr().err
    assert "the URL's host or port is not valid" in error
    assert "secret" not in error


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("localhost:9464", "http://localhost:9464/metrics"),
        ("https://a/", "https://a/metrics"),
        ("http://a:1/x/metrics?y=1", "http://a:1/x/metrics?y=1"),
    ],
)
def test_what_a_url_lacks_is_added(given: str, asked: str) -> None:
    assert metrics_url(given) == asked


class Scripted:
    """A server whose answer can be changed."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = outer.answers.get(self.path, (404, ""))
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/metrics"


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    running = Scripted()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.server.shutdown()
    thread.join()
    running.server.server_close()


def test_a_service_that_restarts_is_found_again(scripted: Scripted) -> None:
    clock = ManualClock()
    instance = Instance(scripted.url, timeout=5, now=clock.now)
    rounds = Rounds([instance], 10, clock)

    def next_round(status: int, text: str) -> Any:
        scripted.answers["/metrics"] = status, text
        [state] = rounds.run().instances
        clock.advance(10)
        return state

    assert next_round(200, exposition(100)).figures[0].call_rate is None
    assert next_round(200, exposition(200)).figures[0].call_rate == 10
    assert next_round(503, "").error == "answered 503"
    assert next_round(200, "\x1b[2J{").error is not None
    assert next_round(200, "# TYPE a gauge\na 1\n").error == "has no metrics of vitalspan"
    back = next_round(200, exposition(80, start=5.0))
    assert back.error is None
    assert back.figures[0].call_rate == 2
    assert next_round(200, exposition(180, start=5.0)).figures[0].call_rate == 10


def health(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["health", *arguments])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def test_health_of_a_real_service(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = health(capsys, url)
    assert code == 2
    first, *reasons = out.splitlines()
    assert first == "50.0: unhealthy"
    assert "checkout, 10 of 40 calls failed, all of them ValueError" in reasons[0]
    code, out, _ = health(capsys, "--json", url.replace("/metrics", "/health"))
    assert (code, json.loads(out)["status"]) == (2, "unhealthy")


@pytest.mark.parametrize(
    ("status", "failing", "code"),
    [
        ("healthy", False, 0), ("degraded", False, 1), ("unhealthy", True, 2),
        ("critical", True, 2), ("no_data", False, 3), ("excellent", False, 0),
        ("warning", False, 1), ("own", False, 0), ("own", True, 2),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_the_status(
    status: str, failing: bool, code: int, scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = {"score": 1, "status": status, "failing": failing, "reasons": ["a\x1b[2Jb"]}
    scripted.answers["/health"] = 503 if failing else 200, json.dumps(fields)
    assert health(capsys, scripted.url) == (code, f"1.0: {status}\n  a\\x1b[2Jb\n", "")


@pytest.mark.parametrize("below", ["/metrics/health", "/page/health"])
def test_health_below_the_metrics_or_the_page(
    below: str, scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.answers["/metrics"] = 200, exposition(10)
    scripted.answers["/health"] = 200, '{"status": "of another kind"}'
    scripted.answers[below] = 200, json.dumps({"score": 1, "status": "warning", "reasons": ["a"]})
    url = scripted.url.replace("/metrics", below.removesuffix("/health"))
    for given in (url, f"{url}/", f"{url}/health"):
        assert health(capsys, given) == (1, "1.0: warning\n  a\n", "")
    code, _, err = health(capsys, scripted.url.replace("/metrics", "/nothing"))
    assert code == 3
    assert "not the health of a vitalspan service: give the URL of its metrics" in err


def test_health_by_metrics_alone(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    scripted.answers["/metrics"] = 200, exposition(10)
    assert health(capsys, scripted.url) == (
        1, "70.0: degraded\n  errors costs 20.0 points\n  latency costs 10.0 points\n", ""
    )  # fmt: skip
    scripted.answers["/metrics"] = 200, exposition(10, score=None)
    assert health(capsys, scripted.url) == (3, "no score: no_data\n", "")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ((404, ""), "answered 404"),
        ((200, "\x1b[2J{"), "does not contain metrics"),
        ((200, "# TYPE a gauge\na 1\n"), "has no metrics of vitalspan"),
        ((200, '{"score": 1}'), "does not contain metrics"),
        ((200, f"a{'{' * 5000} 1"), "does not contain metrics"),
    ],
)
def test_health_of_what_has_none(
    answer: tuple[int, str],
    complaint: str,
    scripted: Scripted,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scripted.answers["/metrics"] = scripted.answers["/health"] = answer
    code, out, err = health(capsys, scripted.url)
    assert (code, out) == (3, "")
    assert complaint in err
    assert err.rstrip("\n").isprintable()
    assert len(err) < 300


def test_health_of_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert health(capsys, "127.0.0.1:1")[0] == 3
    assert health(capsys, "ftp://a")[0] == 3


class Terminal:
    """A pseudo terminal of 80 columns and 24 lines with a program in it."""

    def __init__(self, *arguments: str) -> None:
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1"}
        environment.pop("COLUMNS", None)
        environment.pop("LINES", None)
        self.program = subprocess.Popen(
            [*COMMAND, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        os.close(slave)
        self.sent = b""

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read_until(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """Read until the screen is as expected; a program that ends before fails the test."""
        while not condition(lines := [line.rstrip() for line in self.screen.display]):
            data = os.read(self._master, 65536)
            self.sent += data
            self._stream.feed(data)
        return lines

    def close(self) -> None:
        self.program.kill()
        self.program.wait()
        os.close(self._master)


@pytest.fixture
def terminal(url: str) -> Iterator[Terminal]:
    running = Terminal("top", url, "--interval", "50ms")
    watchdog = threading.Timer(60, running.program.kill)
    watchdog.start()
    yield running
    watchdog.cancel()
    running.close()


def test_a_service_that_hangs_holds_up_no_other(scripted: Scripted) -> None:
    scripted.answers["/metrics"] = 200, exposition(100)
    clock, gate = ManualClock(), threading.Event()

    class Hanging(Instance):
        def scrape(self) -> None:
            gate.wait(30)

    instances = [kind(scripted.url, timeout=5, now=clock.now) for kind in (Instance, Hanging)]
    rounds = Rounds(instances, 10, clock)
    rounds.start_if_due()
    wait_until(lambda: bool((found := rounds.finished()) and found.reachable))
    assert rounds.under_way
    clock.advance(10)
    scripted.answers["/metrics"] = 200, exposition(200)
    rounds.start_if_due()
    found = wait_until(rounds.finished)
    assert found.reachable[0].figures[0].call_rate == 10
    assert found.instances[1].error == "has not answered yet"
    gate.set()


def test_a_parser_that_breaks_is_an_error_of_its_service(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RecursionError("too\x1bdeep")

    monkeypatch.setattr("vitalspan.bridge.scrape.scrape_target.parse_metrics", broken)
    scripted.answers["/metrics"] = 200, "a 1\n"
    instance = Instance(scripted.url, timeout=5, now=ManualClock().now)
    instance.scrape()
    assert instance.state.error == "its answer cannot be read (RecursionError)"


@pytest.mark.once
def test_the_screen_in_a_pseudo_terminal(terminal: Terminal, monitor: vs.Monitor) -> None:
    lines = terminal.read_until(lambda lines: lines[5].split()[:3] == ["checkout", "shop", "0"])
    assert lines[1].startswith("health  50.0 unhealthy")
    assert lines[-1].startswith("q quit  p pause")
    record(monitor, 60)
    terminal.read_until(lambda lines: lines[5].endswith(" 100"))
    terminal.press("\r")
    lines = terminal.read_until(lambda lines: lines[4].startswith("operation  checkout"))
    assert lines[13].split() == ["25", "ValueError"]
    terminal.press("\x1b")
    terminal.read_until(lambda lines: lines[5].startswith("checkout"))
    terminal.press("/zzz\r")
    terminal.read_until(lambda lines: lines[-1].startswith("filter: zzz  esc"))
    terminal.press("p")
    terminal.read_until(lambda lines: lines[0].endswith("paused"))
    terminal.press("q")
    assert terminal.program.wait(timeout=30) == 0
    assert b"\x1b[3" not in terminal.sent  # no colour


@pytest.mark.once
def test_a_signal_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.read_until(lambda lines: lines[0].startswith("vitalspan top"))
    terminal.program.terminate()
    assert terminal.program.wait(timeout=30) == 0
    terminal.read_until(lambda _: b"\x1b[?1049l" in terminal.sent)
