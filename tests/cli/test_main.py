from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from support.subprograms import COMMAND
from vitalspan._version import __version__
from vitalspan.cli import demo
from vitalspan.cli.main import main
from vitalspan.errors import MissingExtraError


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def exit_of(*arguments: str) -> object:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return exit_.value.code


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of("--version") == 0
    assert capsys.readouterr().out == f"vitalspan {__version__}\n"


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of("demo", "--help") == 0
    text = capsys.readouterr().out
    for option in ("--port", "--addr", "--rate", "--duration", "--seed", "--phase-seconds"):
        assert option in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "vitalspan: the following arguments are required: COMMAND"),
        (["nonsense"], "vitalspan: argument COMMAND: invalid choice: 'nonsense'"),
        (["demo", "--port", "70000"], "argument --port: '70000' is not a port from 0 to 65535"),
        (["demo", "--port", "-1"], "argument --port: '-1' is not a port from 0 to 65535"),
        (["demo", "--port", "http"], "argument --port: 'http' is not a port from 0 to 65535"),
        (["demo", "--rate", "0"], "argument --rate: '0' is not a number above 0"),
        (["demo", "--rate", "nan"], "argument --rate: 'nan' is not a number above 0"),
        (["demo", "--rate", "1e4"], "argument --rate: '1e4' is above 1000 visits per second"),
        (["demo", "--duration", "-3"], "argument --duration: '-3' is not a number above 0"),
        (["demo", "--duration", "inf"], "argument --duration: 'inf' is not a number above 0"),
        (["demo", "--phase-seconds", "x"], "argument --phase-seconds: 'x' is not a number above 0"),
        (["demo", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["demo", "--dur", "3"], "vitalspan demo: unrecognized arguments: --dur 3"),
    ],
)
def test_arguments_that_cannot_be_used(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_of(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.count("\n") == 1
    assert "--help" in err


_WITH_ADDRESSES = [
    ["health", "{}"],
    ["report", "{}"],
    ["stacks", "{}"],
    ["top", "--once", "--json", "--interval", "1ms", "{}"],
    ["bridge", "--once", "--scrape", "{}"],
    ["bridge", "--once", "--scrape", "127.0.0.1:1", "--otlp", "{}"],
    ["grafana", "check", "{}", "--dashboards", "{directory}"],
    ["rules", "check", "{directory}/*.yml", "--against", "{}"],
    ["job", "forget", "x", "--pushgateway", "{}"],
    ["job", "run", "x", "--pushgateway", "{}", "--", "true"],
    ["job", "run", "x", "--ping", "{}", "--", "true"],
    ["job", "run", "x", "--otlp", "{}", "--", "true"],
]


def said_about(
    address: str, words: list[str], directory: Path, capfd: pytest.CaptureFixture[str]
) -> str:
    (directory / "empty.json").write_text('{"panels": []}')
    (directory / "empty.yml").write_text("groups: []")
    with suppress(SystemExit):
        main([word.format(address, directory=directory) for word in words])
    return capfd.readouterr().err


@pytest.mark.parametrize("words", _WITH_ADDRESSES, ids=" ".join)
def test_every_command_takes_addresses_alike(
    words: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain = said_about("127.0.0.1:1", words, tmp_path, capfd)
    assert "efused" in plain + caplog.text
    assert plain == said_about("http://127.0.0.1:1", words, tmp_path, capfd)
    refused = said_about("ftp://127.0.0.1:1", words, tmp_path, capfd)
    assert refused.startswith(f"vitalspan {words[0]}: ")
    assert refused.endswith(
        "the URL needs http:// or https:// and a host, and no spaces: "
        "use one such as https://host:9093/path\n"
    )


def test_the_demo_takes_addresses_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[argparse.Namespace] = []
    monkeypatch.setattr(demo, "_run", given.append)
    assert main(["demo", "--alertmanager", "a:9093, https://b", "--webhook", "c"]) == 0
    assert main(["demo"]) == 0
    assert [(one.alertmanager, one.webhook) for one in given] == [
        ("http://a:9093,https://b", "http://c"),
        ("", ""),
    ]


def test_what_the_library_raises_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(arguments: object) -> None:
        raise MissingExtraError("tracing", "otlp")

    monkeypatch.setattr(demo, "_run", run)
    assert main(["demo"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vitalspan demo: tracing needs")
    assert err.count("\n") == 1


def test_an_interrupt_before_the_demo_handles_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(arguments: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(demo, "_run", run)
    # A shell lets what it runs in the background ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["demo"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_reader_that_leaves() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        child = subprocess.run(
            [*COMMAND, "demo", "--port", "0"],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(write)
    assert (child.returncode, child.stderr) == (1, "")


def test_other_commands_do_not_open_the_shop() -> None:
    code = "import sys, vitalspan.cli.main; raise SystemExit('vitalspan.demo.shop' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
