"""A file of a process: whole at every moment, whatever happens to it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.worker_processes import exposition, make_monitor, processes, publish
from vitalspan.workers.state_file import SUFFIX, StateFile, UnreadableError, read_state

COUNT = 'operation_duration_seconds_count{component="default",operation="f"}'


@pytest.fixture
def state_file(tmp_path: Path) -> Iterator[StateFile]:
    made = StateFile(tmp_path, worker=3, pid=77, now=1000.0)
    yield made
    made.close()


def payload_of(path: Path) -> bytes:
    state = read_state(path)
    assert state is not None
    return state.payload


def test_a_state_is_read_as_it_was_written(state_file: StateFile) -> None:
    assert read_state(state_file.path) is None
    for size in (10, 5, 1000, 999, 100_000, 3, 3, 100_001):
        payload = os.urandom(size)
        state_file.write(payload, 1001.0)
        state = read_state(state_file.path)
        assert state is not None
        assert state.payload == payload
        assert state.header == state_file.header
        assert (state.commit.published, state.living) == (1001.0, True)
    state_file.close()
    state = read_state(state_file.path)
    assert state is not None
    assert not state.living


def test_a_file_takes_about_two_states_of_space(state_file: StateFile) -> None:
    for growth in range(400):
        state_file.write(os.urandom(10_000 + growth), 0.0)
    assert state_file.path.stat().st_size < 3 * 10_400


def test_a_writer_that_dies_in_the_middle_leaves_the_state_before(
    state_file: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_file.write(b"before" * 100, 0.0)
    written: list[int] = []
    original = os.pwrite

    class Killed(BaseException):
        pass

    def cut(limit: int) -> Callable[[int, Any, int], int]:
        def pwrite(file: int, data: Any, offset: int) -> int:
            part = bytes(data)[: limit - sum(written)]
            written.append(original(file, part, offset))
            if sum(written) >= limit:
                raise Killed
            return written[-1]

        return pwrite

    whole = len(b"after!" * 100) + 40
    for limit in range(1, whole, 7):
        written.clear()
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", cut(limit))
            with pytest.raises(Killed):
                state_file.write(b"after!" * 100, 0.0)
        assert payload_of(state_file.path) == b"before" * 100
    state_file.write(b"after!" * 100, 0.0)
    assert payload_of(state_file.path) == b"after!" * 100


def _cut(size: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, size)


def _overwrite(at: int, data: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(data)

    return damage


def _replace(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


DAMAGE = {
    "empty": _cut(0),
    "header cut off": _cut(20),
    "commits cut off": _cut(150),
    "state cut off": _cut(300),
    "other magic": _overwrite(0, b"ELF!"),
    "later format": _overwrite(4, b"\x63\x00"),
    "damaged header": _overwrite(10, b"\xff\xff"),
    "damaged commits": _overwrite(64, b"\xff" * 120),
    "damaged state": _overwrite(250, b"\xff" * 4000),
    "huge length": _overwrite(80, b"\xff" * 8),
    "foreign": _replace(b"# a text\n" * 100),
    "random": _replace(os.urandom(5000)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_left_out_counted_and_logged_once(
    damage: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with processes(tmp_path, 2) as (first, second):
        for monitor in (first, second):
            with monitor.operation("f"):
                pass
            publish(monitor)
        assert second.workers is not None
        path = tmp_path / f"{second.workers.publisher.id}{SUFFIX}"
        damage(path)
        for _ in range(3):
            shown = exposition(first)
        assert shown[COUNT] in {1, 2}
        text = first.generate_latest().decode()
        left_out = shown[COUNT] == 1
        # A cut before the first state looks like that of a process that has not published yet.
        assert f'vitalspan_internal_errors_total{{where="workers"}} {int(left_out)}' in text
        assert len([one for one in caplog.records if str(path) in one.message]) == left_out


def test_content_of_another_kind_is_left_out(tmp_path: Path) -> None:
    monitor = make_monitor(tmp_path)
    with monitor.operation("f"):
        pass
    payloads = (
        *(b"", b"x", b"\0" * 14, b"\xff" * 400),
        b"\x02\0\0\0\0\0\0\0{}",
        b"\x02\0\0\0\0\0\0\0[]",
        b'\x0c\0\0\0\0\0\0\0{"grids":[]}',
    )
    files = []
    for payload in payloads:
        file = StateFile(tmp_path, 9, 1, 0.0)
        file.write(payload, 0.0)
        files.append(file)
    (tmp_path / "counter_12.db").write_bytes(b"of prometheus_client")
    (tmp_path / f"directory{SUFFIX}").mkdir()
    assert exposition(monitor)[COUNT] == 1
    text = monitor.generate_latest().decode()
    assert f'_errors_total{{where="workers"}} {len(payloads) + 1}\n' in text
    for file in files:
        file.close()
    monitor.close()


def test_a_reader_beside_a_writer_never_takes_half_a_state(state_file: StateFile) -> None:
    done = threading.Event()
    state_file.write(b"\0" * 2000, 0.0)

    def write() -> None:
        number = 0
        while not done.is_set():
            number = (number + 1) % 251
            state_file.write(bytes([number]) * (1000 + 37 * number), 0.0)

    writer = threading.Thread(target=write)
    writer.start()
    remaining = 10_000
    try:
        while remaining:
            # So fast a writer may overtake the reader five times.
            with suppress(UnreadableError):
                payload = payload_of(state_file.path)
                assert payload == bytes([payload[0]]) * len(payload)
                remaining -= 1
    finally:
        done.set()
        writer.join()


def test_a_full_disk_keeps_what_was_published(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        with processes(tmp_path, 2) as (first, second):
            for monitor in (first, second):
                with monitor.operation("f"):
                    pass
                publish(monitor)
            filler = tmp_path / "filler"
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
            for number in range(300):
                with second.operation(f"other {number}"):
                    pass
            with second.operation("f"):
                pass
            assert second.workers is not None
            assert not second.workers.publisher.publish()
            assert exposition(first)[COUNT] == exposition(second)[COUNT] == 2
            filler.unlink()
            publish(second)
            assert exposition(first)[COUNT] == 3
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_limit_on_the_size_of_files_is_as_harmless(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    monitor = make_monitor(tmp_path)
    with monitor.operation("f"):
        pass
    publish(monitor)
    assert monitor.workers is not None
    try:
        for number in range(300):
            with monitor.operation(f"other {number}"):
                pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        for _ in range(3):
            assert not monitor.workers.publisher.publish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert len(caplog.records) == 1
    assert "too large" in caplog.text
    publish(monitor)
    assert exposition(monitor)[
        'operation_duration_seconds_count{component="default",operation="other 7"}'
    ]
    monitor.close()


@pytest.mark.skipif(sys.platform == "darwin", reason="only Linux has /proc")
def test_a_directory_that_cannot_be_made_leaves_a_process_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    monitor = make_monitor("/proc/vitalspan")
    for _ in range(3):
        with monitor.operation("f"):
            pass
        shown = exposition(monitor)
    assert shown[COUNT] == 3
    assert len(caplog.records) == 1
    assert "publishing to /proc/vitalspan failed" in caplog.text
    monitor.close()
