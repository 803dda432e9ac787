"""The shared directory: numbers of processes, the archive of those that have ended, and its end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import vitalspan as vs
from support.subprograms import FORKING, PRELUDE, run_program
from support.worker_processes import die, exposition, make_monitor, processes, publish
from vitalspan.workers import archive as archive_module
from vitalspan.workers.archive import ARCHIVE
from vitalspan.workers.compact_json import dump
from vitalspan.workers.directory import UNUSED_AFTER, WorkersDirectory
from vitalspan.workers.directory_lock import LOCK
from vitalspan.workers.encoded_series import encode_columns
from vitalspan.workers.payload import encode_counts, head_of
from vitalspan.workers.series_keys import encode_key
from vitalspan.workers.state_file import (
    SUFFIX,
    Commit,
    PublishedState,
    StateFile,
    read_state,
)
from vitalspan.workers.worker_counts import SeriesCounts, WorkerCounts

COUNT = 'operation_duration_seconds_count{component="default",operation="f"}'


def directory_of(monitor: vs.Monitor) -> WorkersDirectory:
    assert monitor.workers is not None
    return monitor.workers.directory


def call(monitor: vs.Monitor, operation: str = "f") -> None:
    with monitor.operation(operation):
        pass
    publish(monitor)


def test_numbers_are_the_lowest_that_no_living_process_has(tmp_path: Path) -> None:
    with processes(tmp_path, 4) as monitors:
        for monitor in monitors:
            call(monitor)
        assert [one.workers.publisher.worker for one in monitors if one.workers] == [0, 1, 2, 3]
        die(monitors[1])
        die(monitors[2])
        assert monitors[1].workers is not None
        assert monitors[1].workers.publisher.worker is None
        call(monitors[2])
        call(monitors[1])
        assert [one.workers.publisher.worker for one in monitors if one.workers] == [0, 2, 1, 3]
        members = monitors[0].workers.members() if monitors[0].workers else []
        assert sorted((one.worker, one.living) for one in members) == [
            *((0, True), (1, False), (1, True), (2, False), (2, True), (3, True)),
        ]
        assert {one.pid for one in members} == {os.getpid()}
        assert all(one.size > 100 for one in members)


def test_the_dead_go_into_one_archive(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (first, second):
        call(first)
        for _ in range(20):
            call(second)
            die(second)
            directory_of(first).archive_dead(0.0)
            assert len(list(tmp_path.glob(f"*{SUFFIX}"))) == 1
            call(first)
        assert exposition(first)[COUNT] == 41
        assert {path.name for path in tmp_path.iterdir()} == {
            *(ARCHIVE, LOCK),
            f"{first.workers.publisher.id if first.workers else ''}{SUFFIX}",
        }
        assert directory_of(first).archive_dead(0.0) == 0


def test_a_crash_between_archiving_and_removing_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(path)

    with processes(tmp_path, 2) as (first, second):
        call(second)
        die(second)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", refuse)
            assert directory_of(first).archive_dead(0.0) == 1
        assert len(list(tmp_path.glob(f"*{SUFFIX}"))) == 1
        assert exposition(first)[COUNT] == 1
        assert directory_of(first).archive_dead(0.0) == 0
        assert not list(tmp_path.glob(f"*{SUFFIX}"))
        assert exposition(first)[COUNT] == 1


def test_a_process_that_is_archived_while_a_reader_reads_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with processes(tmp_path, 2) as (first, second):
        call(first)
        call(second)
        die(second)
        archiving: list[bool] = []

        def archive_first(path: Path, known: Commit | None = None) -> PublishedState | None:
            if path.name == ARCHIVE and not archiving:
                archiving.append(True)
                assert directory_of(second).archive_dead(0.0) == 1
            return read_state(path, known)

        monkeypatch.setattr("vitalspan.workers.directory.read_state", archive_first)
        assert exposition(first)[COUNT] == 2
        assert archiving


def test_a_full_disk_leaves_the_files_of_the_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with processes(tmp_path, 2) as (first, second):
        call(second)
        die(second)
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", refuse)
            assert directory_of(first).archive_dead(0.0) == 0
        assert exposition(first)[COUNT] == 1
        assert not (tmp_path / ARCHIVE).exists()
        assert not list(tmp_path.glob("*.archiving"))


def test_an_archive_that_cannot_be_read_is_kept(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (first, second):
        for _ in range(2):
            call(second)
            die(second)
            assert directory_of(first).archive_dead(0.0) == 1
        archive = (tmp_path / ARCHIVE).read_bytes()
        # Of another version of the format.
        (tmp_path / ARCHIVE).write_bytes(archive[:4] + b"\x63" + archive[5:])
        call(second)
        die(second)
        assert directory_of(first).archive_dead(0.0) == 0
        assert exposition(first)[COUNT] == 1
        (tmp_path / ARCHIVE).write_bytes(archive)
        assert directory_of(first).archive_dead(0.0) == 1
        assert exposition(first)[COUNT] == 3


def state_with(head: bytes, columns: bytes = encode_columns([])) -> bytes:
    """Return a state that is whole and has no series."""
    return len(head).to_bytes(4, "little") + bytes(4) + head + columns


GOOD = {**head_of(WorkerCounts()), "grids": []}
KEPT = {
    "grids": state_with(dump({**GOOD, "grids": [1]})),
    "registry": state_with(dump({**GOOD, "registry": [1]})),
    "family": state_with(dump({**GOOD, "registry": [[]]})),
    "array": state_with(b"[]"),
    "number": state_with(b"7"),
    "no columns": state_with(dump(GOOD), b""),
    "columns cut off": state_with(dump(GOOD), encode_columns([])[:-1]),
}


@pytest.mark.parametrize("state", KEPT.values(), ids=KEPT)
def test_a_dead_process_whose_counts_cannot_be_read_is_kept(tmp_path: Path, state: bytes) -> None:
    file = StateFile(tmp_path, 9, 1, 0.0)
    file.write(state, 0.0)
    file.close()
    with processes(tmp_path, 2) as (first, second):
        call(second)
        die(second)
        assert directory_of(first).archive_dead(0.0) == 1
        assert exposition(first)[COUNT] == 1
        assert list(tmp_path.glob(f"*{SUFFIX}")) == [file.path]


def test_an_archive_whose_counts_cannot_be_read_is_kept(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (first, second):
        for _ in range(2):
            call(second)
            die(second)
        archive = StateFile(tmp_path, 0, 1, 0.0, ".archiving")
        archive.write(KEPT["registry"], 0.0)
        archive.path.rename(tmp_path / ARCHIVE)
        archive.close()
        assert directory_of(first).archive_dead(0.0) == 0
        assert exposition(first)[COUNT] == 2


def test_a_series_whose_key_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    with processes(tmp_path, 1) as [first]:
        call(first)
        counts = WorkerCounts()
        counts.series[b"cheese"] = SeriesCounts((1.0,))
        file = directory_of(first).begin(0.0)
        file.write(encode_counts(counts, 0.0), 0.0)
        shown = first.generate_latest().decode()
        assert f"{COUNT} 1" in shown
        assert 'vitalspan_internal_errors_total{where="workers"} 1' in shown or (
            'vitalspan_internal_errors_total{where="workers"} 1' in first.generate_latest().decode()
        )
        file.close()


def test_a_fork_in_the_middle_locks_nothing_for_the_life_of_the_child(tmp_path: Path) -> None:
    run_program(
        f"""
from pathlib import Path
import threading
from vitalspan.workers.directory import WorkersDirectory
from vitalspan.workers.directory_lock import locked
monitor = vs.Monitor(
    registry=CollectorRegistry(), workers={str(tmp_path)!r}, publish_interval=3600
)
directory = monitor.workers.directory

def fork():
    ready, begun = os.pipe()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reading)
        # It has let go of what it may let go of.
        assert os.read(ready, 1) == b"x"
        return pid, writing
    os.close(writing)
    os.write(begun, b"x")
    os.read(reading, 1)
    os._exit(0)

with locked(directory.path, 0.0):
    pid, pipe = fork()
with locked(directory.path, 0.0):
    pass
os.close(pipe)
os.waitpid(pid, 0)

# While a file is made, another thread has to wait before it can fork.
made, forked = threading.Event(), threading.Event()
begin = WorkersDirectory.begin

def slow_begin(directory, now):
    file = begin(directory, now)
    made.set()
    assert not forked.wait(0.2)
    return file

WorkersDirectory.begin = slow_begin

def publish():
    with monitor.operation("f"):
        pass
    assert monitor.workers.publisher.publish()

thread = threading.Thread(target=publish)
thread.start()
assert made.wait(30)
pid, pipe = fork()
forked.set()
thread.join()
monitor.workers.publisher.reset()
WorkersDirectory.begin = begin
members = monitor.workers.members()
assert [one.living for one in members if one.pid == os.getpid()] == [False], members
os.close(pipe)
os.waitpid(pid, 0)
""",
        prelude=PRELUDE + FORKING,
    )


def test_a_directory_that_nobody_has_used_for_long_begins_anew(tmp_path: Path) -> None:
    first = make_monitor(tmp_path)
    call(first)
    die(first)
    directory_of(first).archive_dead(0.0)
    call(first)
    first.tick()
    first.close()
    (tmp_path / f"{'0' * 16}.request").write_bytes(b"{}")
    (tmp_path / "evaluation").write_bytes(b"{}")
    (tmp_path / "evaluation.txt").write_bytes(b"of somebody")
    die(first)
    used = max(path.stat().st_mtime for path in tmp_path.iterdir())
    directory = directory_of(first)
    directory.begin(used + UNUSED_AFTER - 1).close()
    names = {path.name for path in tmp_path.iterdir()}
    assert {ARCHIVE, "journal-1", "evaluation", f"{'0' * 16}.request"} <= names
    file = directory.begin(used + UNUSED_AFTER + 60)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(LOCK, "leader", "evaluation.txt", file.path.name)
    }
    file.close()


def test_a_directory_that_is_emptied_under_way_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "directory"
    monitor = make_monitor(path)
    call(monitor)
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
    call(monitor)
    assert exposition(monitor)[COUNT] == 2
    monitor.close()


def test_an_archive_has_a_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archive_module, "_MAX_ARCHIVED_SERIES", 3)
    monkeypatch.setattr(archive_module, "_MAX_ARCHIVED_ERROR_TYPES", 2)
    with processes(tmp_path, 2) as (first, second):
        for number in range(6):
            for kind in (ValueError, KeyError, IndexError):
                with pytest.raises(kind), second.operation(f"f{number}"):
                    raise kind
        publish(second)
        die(second)
        assert directory_of(first).archive_dead(0.0) == 1
        directory = directory_of(first)
        counts = directory.read().sum(lambda: 0.0)
    assert len(counts.series) == 4
    overflow = counts.series[encode_key("_overflow", "_overflow", ())]
    assert sum(overflow.fine) == 9
    assert sum(sum(one.fine) for one in counts.series.values()) == 18
    for series in counts.series.values():
        assert series.details is not None
        assert len(series.details.errors) == 3
        assert series.details.errors["_OTHER"] >= 1


def test_an_empty_directory_has_no_counts(tmp_path: Path) -> None:
    directory = WorkersDirectory(tmp_path / "missing", lambda *_: None, lambda: 0.0)
    assert directory.read().sum(lambda: 0.0) == WorkerCounts()
    assert directory.archive_dead(0.0) == 0
