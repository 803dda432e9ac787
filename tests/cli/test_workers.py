"""`vitalspan workers`: who shares a directory, and its end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.worker_processes import die, processes, publish
from vitalspan.cli.main import main

OTHERS = ("note.txt", "passwd.new", "my.request", ".bashrc.new", "journal-of-mine", "lock.txt")


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = main(["workers", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_it_shows_processes_and_what_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with processes(tmp_path, 3) as monitors:
        for monitor in monitors:
            with monitor.operation("f"):
                pass
            publish(monitor)
        monitors[0].tick()
        die(monitors[2])
        (tmp_path / "x.worker").write_bytes(b"foreign")
        for name in OTHERS:
            (tmp_path / name).write_bytes(b"of somebody")
        (tmp_path / "otlp-leader").write_bytes(b"1")
        status, out, _ = run(str(tmp_path), capsys=capsys)
        assert status == 0
        lines = out.splitlines()
        assert lines[0].split() == ["worker", "pid", "age", "published", "bytes", "state"]
        assert [line.split()[0] for line in lines[1:4]] == ["0", "1", "2"]
        assert {line.split()[1] for line in lines[1:4]} == {str(os.getpid())}
        assert ["running" in line for line in lines[1:4]] == [True, True, False]
        assert "evaluates rules" in lines[1]
        assert "no archive; all files: " in out
        assert f"unreadable: {tmp_path / 'x.worker'}: it is not a file of a worker" in out
        assert monitors[0].workers is not None
        monitors[0].workers.directory.archive_dead(0.0)
        assert "\narchive: " in run(str(tmp_path), capsys=capsys)[1]

        status, out, error = run(str(tmp_path), "--clean", capsys=capsys)
        assert (status, out) == (1, "")
        assert "is in use by 2 processes: stop them before you clean it" in error
        for monitor in monitors:
            die(monitor)
        status, out, error = run(str(tmp_path), "--clean", capsys=capsys)
        assert (status, error) == (0, "")
        assert f"removed {tmp_path / 'archive'}" in out
        assert {path.name for path in tmp_path.iterdir()} == {*OTHERS, "x.worker"}


def test_a_directory_of_others_is_not_cleaned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(tmp_path), "--clean", capsys=capsys) == (0, "", "")
    for name in ("lock", "archive", "journal-1"):
        (tmp_path / name).write_bytes(b"of somebody")
    status, out, error = run(str(tmp_path), "--clean", capsys=capsys)
    assert (status, out) == (1, "")
    assert "has no files of vitalspan, so nothing is removed" in error
    assert len(list(tmp_path.iterdir())) == 3


def test_a_directory_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, error = run(str(tmp_path / "missing"), capsys=capsys)
    assert status == 1
    assert f"{tmp_path / 'missing'} is not a directory" in error
