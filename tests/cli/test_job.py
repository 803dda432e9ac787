"""`vitalspan job run` and `vitalspan job forget`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.otlp_receiver import run_http_receiver
from support.subprograms import COMMAND
from support.waiting import wait_until
from vitalspan.cli.main import main

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def run_job(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "job", "run", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **variables},
    )


def values(directory: Path) -> dict[str, float]:
    text = (directory / "vitalspan_job_nightly.prom").read_text()
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name.replace('{job_name="nightly"', ""): float(value) for name, value in pairs}


@pytest.mark.parametrize(
    ("script", "status", "outcome", "exit_status"),
    [
        ("exit 42", 42, "failed", 42),
        ("kill -TERM $$", -signal.SIGTERM, "terminated", 143),
        ("kill -KILL $$", -signal.SIGKILL, "failed", 137),
    ],
)
def test_the_exit_status_is_that_of_the_command(
    script: str, status: int, outcome: str, exit_status: int, tmp_path: Path
) -> None:
    ended = run_job("nightly", "--textfile", str(tmp_path), "--", "sh", "-c", script)
    assert (ended.returncode, ended.stderr) == (status, "")
    found = values(tmp_path)
    assert found["job_last_exit_status}"] == exit_status
    assert found[f'job_last_outcome,outcome="{outcome}"}}'] == 1


def test_a_sink_that_is_down_changes_no_exit_status() -> None:
    ended = run_job(
        *("nightly", "--every", "24h", "--pushgateway", "http://127.0.0.1:1", "--ping"),
        *("http://127.0.0.1:1/secret", "--", "sh", "-c", "echo done; exit 5"),
    )
    assert (ended.returncode, ended.stdout) == (5, "done\n")
    assert "job nightly could not be reported: " in ended.stderr
    assert "secret" not in ended.stderr


def test_the_command_knows_its_trace() -> None:
    ended = run_job(
        *("nightly", "--", "sh", "-c", 'echo $TRACEPARENT $BAGGAGE "$@"', "sh", "--", "-x"),
        TRACEPARENT=TRACE,
        BAGGAGE="tenant=ada",
    )
    assert ended.stdout == f"{TRACE} tenant=ada -- -x\n"


@pytest.mark.once
@pytest.mark.parametrize("script", ["echo $TRACEPARENT", "echo $TRACEPARENT; kill -TERM $$"])
def test_a_span_of_the_run(script: str) -> None:
    with run_http_receiver() as receiver:
        ended = run_job(
            *("nightly", "--trace", "--", "sh", "-c", script),
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        )
        assert list(receiver.spans) == ["nightly"]
        _, trace, _, flags = ended.stdout.strip().split("-")
        assert receiver.traces == {trace}
        assert int(flags, 16) & 1


def test_a_signal_is_passed_on(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\n"
        "def stop(*_):\n    print('stopping', flush=True)\n    sys.exit(9)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready', flush=True)\ntime.sleep(60)"
    )
    command = ["nightly", "--textfile", str(tmp_path), "--", sys.executable, "-c", script]
    with subprocess.Popen([*COMMAND, "job", "run", *command], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        wait_until(lambda: values(tmp_path).get("job_last_started_timestamp_seconds}"))
        process.terminate()
        assert process.stdout.read() == b"stopping\n"
    assert process.returncode == 9
    assert values(tmp_path)["job_last_exit_status}"] == 9


def test_standard_streams_that_are_closed(tmp_path: Path) -> None:
    command = ["nightly", "--textfile", str(tmp_path), "--", sys.executable, "-c"]
    # Python's own handler would take the signal just before the pause, which would then last.
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); print(flush=True); "
        "signal.pause()"
    )
    closing = ["sh", "-c", 'exec "$@" <&-', "sh"]
    run = [*closing, *COMMAND, "job", "run", *command, script]
    with subprocess.Popen(run, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        process.send_signal(signal.SIGINT)
    assert process.returncode == -signal.SIGINT
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    closing = ["sh", "-c", 'exec "$@" >&-', "sh"]
    ended = subprocess.run([*closing, *COMMAND, "job", "run", *command, script], check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("/no/such/program", 127, "/no/such/program: No such file or directory\n"),
        ("/", 126, "/: Permission denied\n"),
    ],
)
def test_a_command_that_cannot_be_run(
    command: str, status: int, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["job", "run", "nightly", "--textfile", str(tmp_path), "--", command])
    assert ended.value.code == status
    assert capfd.readouterr().err == said
    assert values(tmp_path)["job_last_exit_status}"] == status


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "x"], "give the command after two dashes"),
        (["run", "x", "--"], "give the command after two dashes"),
        (["run", "x", "--label", "a=b", "--", "true"], "--label is for a Pushgateway"),
        (["run", "x", "--pushgateway", "http://g", "--label", "a", "--", "true"], "'a': use NAME"),
        (["run", "x", "--pushgateway", "ftp://g", "--", "true"], "needs http:// or https://"),
        (["forget", "x"], "give a sink"),
        (["forget", "x", "--pushgateway", "http://127.0.0.1:1"], "x could not be removed: "),
    ],
)
def test_mistakes(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["job", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_a_job_that_is_forgotten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["job", "run", "nightly", "--textfile", str(tmp_path), "--", "true"])
    assert main(["job", "forget", "nightly", "--textfile", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"textfile directory {tmp_path}: removed nightly\n"
    assert list(tmp_path.iterdir()) == []
