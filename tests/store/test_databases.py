"""PostgreSQL, Redis and what SQLAlchemy speaks to as stores: one history, restarts and faults."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import uuid
from types import SimpleNamespace

import pytest

import vitalspan as vs
from support.database_servers import frozen, run_postgresql, run_redis
from support.stored import WALL, fail, service, step, stored_calls
from vitalspan.store import open_store as stores
from vitalspan.store.errors import NewerStoreError, StoreError
from vitalspan.store.open_store import open_store
from vitalspan.store.protocol import Batch, FrameRow, Record, StoredSeries

SERVERS = [pytest.param("postgresql", marks=pytest.mark.once), "redis"]


@pytest.fixture(scope="module")
def postgresql():
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with run_postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    pytest.importorskip("redis", reason="redis is not installed")
    with run_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def sqlite(tmp_path, monkeypatch):
    """A file that SQLAlchemy reads and writes, in the time of no server."""
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    monkeypatch.setitem(stores._STORES, "sqlite", stores._sql)
    return SimpleNamespace(url=f"sqlite:///{tmp_path}/history.db")


@pytest.fixture(params=SERVERS)
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=[*SERVERS, "sqlite"])
def database(request):
    return request.getfixturevalue(request.param)


def own(server):
    """The URL of a store with a name of its own."""
    return f"{server.url}?name=t{uuid.uuid4().hex[:8]}"


@pytest.fixture
def url(database):
    return own(database)


def test_what_is_written_is_read(url):
    store = open_store(url)
    store.open()
    frames = [
        FrameRow(5, start, group, 1, 0, 0.5, b"\x00\xff" * group)
        for start in (5, 10, 15)
        for group in (0, 3)
    ]
    store.write(
        Batch(
            series=[StoredSeries(0, "operation", {"operation": "ü", "component": "c"})],
            frames=frames,
            documents={"a": {"x": [1, None]}},
            records=[Record("alert", 7.5, {"n": 1}), Record("alert", 7.5, {"n": 2})],
        )
    )
    reading = open_store(url, read_only=True)
    reading.open()
    assert reading.series() == [StoredSeries(0, "operation", {"operation": "ü", "component": "c"})]
    assert reading.frames(5, 5, 15) == frames[:4]
    assert reading.frames(5, 0, 100, [3]) == frames[1::2]
    assert reading.frames(60, 0, 100) == []
    assert (reading.span(5), reading.span(5, 11), reading.span(60)) == ((5, 15), (15, 15), None)
    assert (reading.groups(5, 0, 100), reading.groups(5, 16, 100)) == ([0, 3], [])
    assert (reading.document("a"), reading.document("b")) == ({"x": [1, None]}, None)
    assert [one.document["n"] for one in reading.records("alert", 0, 8, 10)] == [1, 2] or [
        one.document["n"] for one in reading.records("alert", 0, 8, 10)
    ] == [2, 1]
    assert len(reading.records("alert", 0, float("inf"), 1)) == 1
    assert reading.records("alert", 8, float("inf"), 9) == []
    assert reading.size() > 0
    replaced = FrameRow(5, 10, 3, 9, 1, 2.5, b"other")
    store.write(Batch(frames=[replaced], documents={"a": 1}, expired_frames={5: 10}))
    assert reading.frames(5, 0, 100, [3]) == [replaced, frames[5]]
    assert reading.document("a") == 1
    store.write(Batch(records=[Record("report", 6.0, {}), Record("report", 7.0, {})]))
    store.write(Batch(expired_kinds={"report": 7.0}))
    assert [one.at for one in reading.records("report", 0, float("inf"), 9)] == [7.0]
    assert len(reading.records("alert", 0, float("inf"), 9)) == 2
    store.write(Batch(expired_records=8.0))
    assert reading.records("alert", 0, float("inf"), 9) == []
    store.close()


def test_a_service_goes_on_after_a_restart(url):
    def begin(wall):
        clock, monitor = service(url, wall=wall)
        monitor.rules.add(alert="Errors", signal="error_ratio", window="5m", above=0.1)
        monitor.rules.add_slo(name="works", objective=0.9, window="30d")
        monitor.tick()
        return clock, monitor

    clock, monitor = begin(WALL)
    fail(monitor)
    step(monitor, clock, 100)
    for _ in range(40):
        fail(monitor)
    step(monitor, clock)
    (before,) = monitor.alerts.active()
    monitor.alerts.silence({"alertname": "Errors"}, 3600)
    step(monitor, clock)
    budget = monitor.rules.slos()[0]
    monitor.close()
    clock, monitor = begin(clock.wall() + 30)
    (after,) = monitor.alerts.active()
    assert (after.id, after.state) == (before.id, "firing")
    assert len(monitor.alerts.silences()) == 1
    assert monitor.rules.slos()[0].events == budget.events == 143
    assert monitor.statistics.operation("pay", window=1800).count == 143
    step(monitor, clock, 5)
    assert stored_calls(url, clock) == 148
    monitor.close()


def test_a_server_that_goes_and_comes_back(server, caplog):
    url = own(server)
    clock, monitor = service(url)
    step(monitor, clock, 3)
    server.stop()
    try:
        step(monitor, clock, 12)
        status = monitor.evaluation.persistence.status
        assert status.writes["failed"] >= 2
        with pytest.raises(StoreError):
            monitor.statistics.operation("pay", window=86_400)
    finally:
        server.start()
    step(monitor, clock, 20)
    assert status.fault == ""
    assert status.unwritten == 0
    assert stored_calls(url, clock) == 35
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 1
    monitor.close()


def test_a_server_that_is_silent_holds_nothing_up_for_long(server, monkeypatch, caplog):
    """Its connections stay open, and it answers nothing, as behind a network that is cut."""
    monkeypatch.setattr("vitalspan.store.sql._LIMIT", 1.0)
    monkeypatch.setattr("vitalspan.store.redis._PATIENCE", 1.0)
    url = own(server)
    clock, monitor = service(url)
    step(monitor, clock, 2)
    with frozen(server):
        ticking = threading.Thread(target=step, args=(monitor, clock), daemon=True)
        ticking.start()
        ticking.join(60)
        hangs = ticking.is_alive()
    assert not hangs
    assert monitor.evaluation.ticks == 3
    assert re.search(r"did not answer within 1 s|Timeout reading", caplog.text)
    step(monitor, clock, 20)
    monitor.close()
    assert stored_calls(url, clock) == 23


def test_one_process_writes_and_the_next_one_when_it_is_killed(server, caplog):
    url = own(server)
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
from support.stored import service, call
clock, monitor = service({url!r})
call(monitor, clock, [0.5]); clock.advance(4.5); monitor.tick()
print("ticked", flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"ticked\n"
        clock, monitor = service(url, wall=WALL + 10)
        step(monitor, clock)
        assert "another process writes to it" in caplog.text
        assert stored_calls(url, clock) == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
    step(monitor, clock, 20)
    assert stored_calls(url, clock) == 22
    monitor.close()


def test_two_services_in_one_database(database):
    urls = [own(database), own(database)]
    services = [service(url) for url in urls]
    for times, (clock, monitor) in enumerate(services, start=2):
        step(monitor, clock, times)
    assert [stored_calls(url, services[1][0]) for url in urls] == [2, 3]
    for _, monitor in services:
        monitor.close()


def test_a_newer_version_is_left_alone(url, caplog):
    store = open_store(url)
    store.open()
    store.write(Batch(documents={"a": 1}))
    store.write(Batch(documents={"schema": 99})) if "redis" in url else None
    store.close()
    if "redis" in url:
        import redis

        client = redis.Redis.from_url(url.partition("?")[0])
        client.hset(url.partition("name=")[2] + ":documents", "schema", "99")
        client.close()
    else:
        import sqlalchemy as sa

        engine = sa.create_engine(url.partition("?")[0])
        with engine.begin() as connection:
            name = url.partition("name=")[2]
            connection.execute(
                sa.text(f"UPDATE {name}_documents SET document = '99' WHERE name = 'schema'")
            )
        engine.dispose()
    with pytest.raises(NewerStoreError):
        open_store(url).open()
    clock, monitor = service(url)
    step(monitor, clock, 30)
    assert monitor.evaluation.persistence.status.writes == {"written": 0, "failed": 1}
    assert caplog.text.count("a newer version") == 1
    monitor.close()


def test_nothing_there_and_passwords(server):
    with pytest.raises(StoreError, match="no history"):
        open_store(f"{server.url}?name=nothing", read_only=True).open()
    scheme, _, host = server.url.partition("://")
    store = open_store(f"{scheme}://me:secret@{host.rpartition('@')[2]}")
    assert "secret" not in store.name


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+nodriver://host/database",
        "postgresql://host/database?name=no-name",
        "mssql://host",
        "redis://host:port",
    ],
)
def test_what_cannot_be_used_is_refused(url):
    with pytest.raises(vs.ConfigurationError):
        open_store(url)
