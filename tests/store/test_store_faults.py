"""Stores that cannot be used: recording goes on, and what is in memory is stored later."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

import vitalspan as vs
from support.stored import WALL, call, service, sqlite_url, step, stored_calls
from vitalspan.store import sqlite, writer
from vitalspan.store.errors import NewerStoreError, StoreError
from vitalspan.store.frame import Frame
from vitalspan.store.open_store import open_store
from vitalspan.store.packed_frame import PackedFrame, pack_dense
from vitalspan.store.past_calls import PastCall, PastCalls
from vitalspan.store.reader import StoreReader
from vitalspan.store.tiers import DEFAULT_TIERS, parse_tiers


@pytest.fixture
def url(tmp_path):
    return sqlite_url(tmp_path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


def writes(monitor):
    return monitor.evaluation.persistence.status.writes


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("history.db", "is not the URL of a store"),
        ("mysql2://x", "is not the URL of a store"),
        ("sqlite://", "give the path of a file"),
        ("sqlite:///", "give the path of a file"),
        ("sqlite:///folder/", "give the path of a file"),
        ("http://[", "is not the URL of a store"),
    ],
)
def test_what_is_no_store_is_refused(url, complaint):
    with pytest.raises(vs.ConfigurationError, match=complaint):
        service(url)


def test_a_password_is_not_shown():
    with pytest.raises(vs.ConfigurationError) as refused:
        service("gopher://me:secret@host/x")
    assert "secret" not in str(refused.value)


def test_a_refused_change_leaves_the_store_as_it_is(url):
    clock, monitor = service(url)
    with pytest.raises(vs.ConfigurationError):
        monitor.configure(store="sqlite:///")
    with pytest.raises(vs.ConfigurationError):
        monitor.configure(store_tiers="never")
    step(monitor, clock)
    assert stored_calls(url, clock) == 1
    monitor.configure(store="")
    step(monitor, clock)
    assert monitor.evaluation.persistence is None
    monitor.close()


def test_a_locked_file_is_written_when_it_is_free(url, path, caplog, monkeypatch):
    monkeypatch.setattr(sqlite, "_PATIENCE", 0.01)
    clock, monitor = service(url)
    step(monitor, clock)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.INFO, "vitalspan"):
        step(monitor, clock, 30)
        assert writes(monitor)["failed"] >= 3
        assert monitor.evaluation.persistence.status.unwritten == 150
        other.execute("ROLLBACK")
        other.close()
        step(monitor, clock, 20)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "locked" in caplog.records[0].getMessage()
    assert stored_calls(url, clock) == 51
    assert monitor.evaluation.persistence.status.unwritten == 0
    assert b"vitalspan_store_unwritten_seconds 0" in monitor.generate_latest()
    monitor.close()


def test_what_waits_is_bounded(url, path, monkeypatch):
    monkeypatch.setattr(sqlite, "_PATIENCE", 0.01)
    monkeypatch.setattr(writer, "MAX_WAITING", 10)
    clock, monitor = service(url)
    step(monitor, clock)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(40):
        clock.advance(60)
        call(monitor, clock, [0.5])
        monitor.tick()
    status = monitor.evaluation.persistence.status
    assert status.dropped > 0
    other.close()
    for _ in range(5):
        clock.advance(60)
        monitor.tick()
    assert status.unwritten == 0
    monitor.close()


def test_a_file_of_a_newer_version_is_left_alone(url, path, caplog):
    clock, monitor = service(url)
    step(monitor, clock)
    monitor.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version=99")
    before = path.read_bytes()
    clock, monitor = service(url, wall=WALL + 100)
    step(monitor, clock, 40)
    assert writes(monitor) == {"written": 0, "failed": 1}
    assert len(caplog.records) == 1
    assert "a newer version" in caplog.text
    assert monitor.statistics().count == 40
    assert path.read_bytes() == before
    with pytest.raises(NewerStoreError):
        open_store(url, read_only=True).open()
    monitor.close()


def test_an_older_file_is_migrated(url, monkeypatch):
    clock, monitor = service(url)
    step(monitor, clock)
    monitor.close()
    added = ("ALTER TABLE documents ADD COLUMN note TEXT DEFAULT ''",)
    monkeypatch.setattr(sqlite, "MIGRATIONS", (*sqlite.MIGRATIONS, added))
    store = open_store(url)
    store.open()
    assert store.document("written") is not None
    store.close()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(sqlite.MIGRATIONS),)
        assert connection.execute("SELECT note FROM documents").fetchone() == ("",)


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_earlier_version_is_read_and_goes_on(url, version):
    clock, monitor = service(url)
    step(monitor, clock, 3)
    monitor.close()
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        for start, packed in connection.execute("SELECT start, packed FROM frames").fetchall():
            frame = Frame()
            PackedFrame(packed).add_to(frame)
            row = (pack_dense(frame), start)
            connection.execute("UPDATE frames SET packed = ? WHERE start = ?", row)
        connection.execute(f"PRAGMA user_version={version}")
    assert stored_calls(url, clock) == 3
    clock, monitor = service(url, wall=clock.wall())
    step(monitor, clock, 30)
    monitor.close()
    assert stored_calls(url, clock) == 33
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(sqlite.MIGRATIONS),)


def test_after_a_restart_only_damaged_frames_are_missing(url, caplog):
    clock, monitor = service(url)
    step(monitor, clock, 30)
    monitor.close()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        for start in (WALL + 125, WALL + 140):
            connection.execute(
                "UPDATE frames SET packed = substr(packed, 1, 40) WHERE step = 5 AND start = ?",
                (start,),
            )
    clock, monitor = service(url, wall=clock.wall())
    monitor.tick()
    (restored,) = monitor.evaluation.history.operations.with_key("pay")
    assert restored.increase("count", float("-inf")) == 28
    assert monitor.statistics.operation("pay", window=300).count == 28
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "a frame of 5 s is left out: a damaged frame" in caplog.text
    monitor.close()


def test_an_import_replaces_a_damaged_frame(url, caplog):
    """Frames that calls are added to may be damaged; those calls are lost, and only those."""
    now = WALL + 60.0

    def import_calls(*ends):
        store = open_store(url)
        store.open()
        calls = PastCalls(store, now)
        calls.add(PastCall("pay", "shop", end, 0.5) for end in ends)
        calls.write([], {})
        store.close()

    import_calls(WALL + 3, WALL + 13)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        statement = "UPDATE frames SET packed = substr(packed, 1, 9) WHERE step = 5 AND start = ?"
        assert connection.execute(statement, (WALL,)).rowcount == 1
    import_calls(WALL + 4, WALL + 14)
    assert "a frame of 5 s is left out: a damaged frame" in caplog.text
    reader = StoreReader(open_store(url, read_only=True), parse_tiers(DEFAULT_TIERS))
    counts = {start: one.count for start, (one,) in reader.points(5, WALL, now)}
    reader.close()
    assert counts == {WALL: 1, WALL + 10: 2}


def test_a_migration_that_fails_changes_nothing(url, monkeypatch):
    clock, monitor = service(url)
    step(monitor, clock)
    monitor.close()
    version = len(sqlite.MIGRATIONS)
    broken = ("CREATE TABLE more (x)", "NONSENSE")
    monkeypatch.setattr(sqlite, "MIGRATIONS", (*sqlite.MIGRATIONS, broken))
    with pytest.raises(StoreError):
        open_store(url).open()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name='more'").fetchone()


def test_the_database_of_another_program_is_left_alone(url, path, caplog):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    clock, monitor = service(url)
    step(monitor, clock)
    assert "another program's database" in caplog.text
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
    monitor.close()


def test_a_file_that_is_no_database_is_told(url, path, caplog):
    path.write_bytes(b"not a database at all" * 100)
    clock, monitor = service(url)
    step(monitor, clock, 3)
    assert "not a database" in caplog.text
    assert monitor.statistics().count == 3
    monitor.close()


def test_a_folder_that_comes_later_is_used_then(tmp_path, caplog):
    url = f"sqlite:///{tmp_path / 'volume' / 'history.db'}"
    clock, monitor = service(url)
    step(monitor, clock, 3)
    assert "recording continues" in caplog.text
    (tmp_path / "volume").mkdir()
    step(monitor, clock, 20)
    assert stored_calls(url, clock) == 23
    monitor.close()


def test_one_process_writes(url, caplog):
    clock, monitor = service(url)
    step(monitor, clock)
    other_clock, other = service(url)
    step(other, other_clock)
    assert "another process writes to it" in caplog.text
    assert stored_calls(url, clock) == 1
    monitor.close()
    step(other, other_clock, 20)
    assert stored_calls(url, other_clock) == 22
    other.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_leaves_the_store_to_its_parent(url):
    program = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from support.stored import service, call
clock, monitor = service({url!r})
call(monitor, clock, [0.5]); clock.advance(5); monitor.tick()
child = os.fork()
if not child:
    call(monitor, clock, [0.5]); clock.advance(5); monitor.tick()
    print(monitor.evaluation.persistence.status.writes["written"])
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
call(monitor, clock, [0.5]); clock.advance(5); monitor.tick()
print(monitor.evaluation.persistence.status.writes["written"])
monitor.close()
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.split() == ["0", "2"]
    clock, _ = service(url, wall=WALL + 30)
    assert stored_calls(url, clock) == 2


def test_reading_what_is_not_there_is_told(tmp_path, url):
    with pytest.raises(StoreError, match="no such file"):
        open_store(url, read_only=True).open()
    (tmp_path / "history.db").touch()
    with pytest.raises(StoreError, match="no history"):
        open_store(url, read_only=True).open()


def test_a_relative_path_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clock, monitor = service("sqlite:///here.db")
    step(monitor, clock)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    step(monitor, clock)
    assert monitor.statistics.operation("pay", window=86_400).count == 2
    assert stored_calls(f"sqlite:///{tmp_path}/here.db", clock) == 2
    monitor.close()
