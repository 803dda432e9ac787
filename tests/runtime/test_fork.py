"""A forked child counts from zero, and its parent goes on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.long_runs import LONG
from support.subprograms import FORKING, run_program

FORKED = (
    FORKING
    + """
import logging
logging.getLogger("vitalspan").addHandler(logging.NullHandler())

registry = CollectorRegistry()
monitor = vs.Monitor(registry=registry, system_metrics=False)

def read(name, **labels):
    if not name.startswith("vitalspan_"):
        labels = {"component": "default", **labels}
    return registry.get_sample_value(name, labels)

def count(operation="f"):
    return read("operation_duration_seconds_count", operation=operation)
"""
)


def test_a_child_begins_with_zero_of_everything() -> None:
    run_program(
        FORKED
        + """
@monitor.operation("f", slow=0.0, resources=False)
def f(error=None):
    if error:
        raise error

for _ in range(37):
    f()
try:
    f(ValueError())
except ValueError:
    pass
with monitor.operation("f", resources=True) as call:
    call.add("items", 5)
monitor.cache("c").hit()
monitor.api("a").record(tokens=3, cost=2)
monitor.api("a").record(tokens=-1)
assert len(monitor.slow_calls()) == 38
for _ in range(5):
    f()
assert count() == 44
f()

def child():
    text = vs.generate_latest(registry).decode()
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, value = line.rsplit(" ", 1)
        if not name.startswith(("vitalspan_build_info", "vitalspan_series")):
            assert float(value) == 0, line
    assert read("vitalspan_series") == 1
    assert monitor.recent_calls() == []
    assert monitor.slow_calls() == []
    f()
    monitor.cache("c").hit()
    monitor.api("a").record(tokens=2)
    assert count() == 1
    assert read("cache_requests_total", cache="c", result="hit") == 1
    assert read("api_tokens_total", api="a") == 2
    assert len(monitor.recent_calls()) == len(monitor.slow_calls()) == 1
    in_child(grandchild)
    assert count() == 1

def grandchild():
    assert count() == 0
    f()
    assert count() == 1

in_child(child)
assert count() == 45
assert read("operation_errors_total", operation="f", error_type="ValueError") == 1
assert read("operation_items_total", operation="f") == 5
assert read("cache_requests_total", cache="c", result="hit") == 1
assert len(monitor.recent_calls()) == 45
"""
    )


def test_a_call_in_progress_is_its_parents() -> None:
    run_program(
        FORKED
        + """
def child():
    assert read("operation_in_progress", operation="f") == 0
    assert read("operation_oldest_in_progress_seconds", operation="f") == 0
    with monitor.operation("f"):
        assert read("operation_in_progress", operation="f") == 1

for resources in (False, True):
    try:
        with monitor.operation("f", resources=resources, slow=0.0) as call:
            call.add("items", 2)
            pid = os.fork()
            if not pid:
                child()
            raise ValueError
    except ValueError:
        pass
    if pid:
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
    else:
        assert count() == 1, count()
        assert read("operation_errors_total", operation="f", error_type="ValueError") is None
        assert read("operation_items_total", operation="f") is None
        assert [call.outcome for call in monitor.recent_calls()] == ["ok"]
        assert monitor.slow_calls() == [], monitor.slow_calls()
        os._exit(0)
assert count() == 2
assert read("operation_errors_total", operation="f", error_type="ValueError") == 2
assert read("operation_items_total", operation="f") == 4
"""
    )


LOCKS = {
    "fold": "monitor._recorder.aggregator._lock.current",
    "series": "monitor._recorder.series_table._lock",
    "names": "monitor._counters._lock",
    "tally": "monitor.cache('c').hits._lock",
    "default monitor": "vs.default._making.lock",
}


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_a_lock_that_a_thread_holds_does_not_stop_the_child(lock: str) -> None:
    run_program(
        FORKED
        + f"""
import threading, time
monitor.cache("c").hit()
vs.get_monitor()
held = {lock}
taken, done = threading.Event(), threading.Event()

def hold():
    with held:
        taken.set()
        done.wait(60)

thread = threading.Thread(target=hold)
thread.start()
taken.wait(60)

def child():
    for number in range(300):
        with monitor.operation(f"f{{number % 3}}"):
            pass
        monitor.cache("c").hit()
        monitor.cache(f"c{{number % 9}}").hit()
    assert count("f0") == 100
    assert read("cache_requests_total", cache="c", result="hit") == 300
    vs.configure(component="other")

in_child(child)
done.set()
thread.join()
"""
    )


def test_forking_while_threads_record() -> None:
    run_program(
        FORKED
        + """
import threading
stop = threading.Event()
f = monitor.operation("f")(lambda: None)
made = iter(range(10**9))

def work():
    while not stop.is_set():
        f()
        monitor.cache("c").hit()
        with monitor.operation(f"o{next(made) % 500}"):
            pass
        # Not by the registry, whose own lock prometheus_client may leave taken in the child.
        monitor.fold()

threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()

def child():
    for _ in range(200):
        f()
    text = monitor.recent_calls()
    assert count() == 200, count()
    assert len(text) == 100

for _ in range(15):
    in_child(child)
stop.set()
for thread in threads:
    thread.join()
"""
    )


def test_a_fork_out_of_a_fold() -> None:
    """As a signal handler or a finalizer may do it."""
    run_program(
        FORKED
        + """
from vitalspan.recording import aggregation
f = monitor.operation("f", resources=False)(lambda: None)
in_buckets, pids = aggregation.in_buckets, []

def forking(*given):
    if not pids:
        pids.append(os.fork())
    return in_buckets(*given)

aggregation.in_buckets = forking
for _ in range(56):
    f()
if pids[0]:
    assert count() == 56
    assert os.waitpid(pids[0], 0)[1] == 0
else:
    assert count() == 40, count()
    assert not monitor._recorder.aggregator._lock.locked()
    os._exit(0)
"""
    )


def test_functions_whose_monitor_is_forgotten_begin_anew_too() -> None:
    run_program(
        FORKED
        + """
import gc
def made():
    other = vs.Monitor(registry=registry, system_metrics=False, metric_prefix="other_")
    return other.operation("g", resources=False)(lambda: None), other.cache("c")

g, cache = made()
gc.collect()
g()
cache.hit()
def child():
    g()
    assert read("other_operation_duration_seconds_count", operation="g") == 1
    assert read("other_cache_requests_total", cache="c", result="hit") == 0

in_child(child)
"""
    )


@pytest.mark.skipif("sys.platform != 'linux'", reason="reads /proc")
def test_a_child_reads_its_own_memory() -> None:
    run_program(
        FORKED
        + """
def own():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

meter = monitor._recorder.meter
assert abs(meter.rss() - own()) < 2**20
opened = meter._file

def child():
    kept = bytearray(b"x") * (64 * 2**20)
    assert abs(meter.rss() - own()) < 4 * 2**20

in_child(child)
assert meter._file == opened
assert abs(meter.rss() - own()) < 2**20
"""
    )


def test_a_child_closes_no_file_that_is_not_the_meters() -> None:
    """A daemon closes all files when it starts, and its own then get their numbers."""
    run_program(
        FORKED
        + """
meter = monitor._recorder.meter
meter.rss()
if meter._file >= 0:
    read_end, write_end = os.pipe()
    os.dup2(write_end, meter._file)

    def child():
        os.write(meter_file, b"x")

    meter_file = meter._file
    in_child(child)
    assert os.read(read_end, 1) == b"x"
    assert meter.rss() > 0
"""
    )


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, tmp_path: object) -> None:
    run_program(
        f"""
import pathlib, subprocess
path = pathlib.Path({str(tmp_path)!r}) / "worker_program.py"
path.write_text('''
import multiprocessing, sys, warnings
import vitalspan as vs

@vs.operation("f")
def f():
    return 1

def work(times):
    for _ in range(times):
        f()
    lines = vs.generate_latest().decode().splitlines()
    return [line for line in lines if line.startswith("operation_duration_seconds_count")]

if __name__ == "__main__":
    warnings.filterwarnings("ignore", "This process", DeprecationWarning)
    for _ in range(5):
        f()
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        (line,) = pool.apply(work, (3,))
        pool.close()
        pool.join()
    assert line.endswith(" 3"), line
    (line,) = work(0)
    assert line.endswith(" 5"), line
''')
command = [sys.executable, "-W", "error", str(path), {method!r}]
ended = subprocess.run(command, capture_output=True, text=True)
assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
"""
    )


def test_a_state_that_cannot_begin_anew_does_not_keep_others_from_it() -> None:
    run_program(
        FORKED
        + """
from vitalspan.runtime import fork
class Broken:
    def reset(self):
        raise ZeroDivisionError

broken = [Broken() for _ in range(9)]
for state in broken:
    fork.reset_in_child(state)
with monitor.operation("f"):
    pass
in_child(lambda: None if count() == 0 else os._exit(3))
"""
    )


def test_a_fork_in_the_middle_of_a_query_leaves_sqlite_usable_in_the_child(tmp_path: Path) -> None:
    """SQLite has locks for the whole process, which another thread may hold at any moment."""
    run_program(
        f"""
import sqlite3, threading
from pathlib import Path
{FORKING}
from vitalspan.store.protocol import Batch, FrameRow
from vitalspan.store.sqlite import SqliteStore

store = SqliteStore(Path({str(tmp_path / "history.db")!r}))
store.open()

def write():
    start = 0
    while True:
        start += 5
        store.write(Batch(frames=[FrameRow(5, start, 0, 1, 0, 0.5, bytes(200))]))
        store.span(5)

def query():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (x)")
    connection.close()

threading.Thread(target=write, daemon=True).start()
for _ in range(100):
    in_child(query)
""",
        measured=False,
    )


@pytest.mark.parametrize("lock", ["imports_finish_first", "queries_finish_first"])
def test_a_fork_does_not_wait_for_ever(lock: str) -> None:
    run_program(
        FORKING
        + f"""
import threading
from vitalspan.runtime import fork

fork._PATIENCE = 0.1
held, forever = threading.Event(), threading.Event()

def hold():
    with fork.{lock}:
        held.set()
        forever.wait()

threading.Thread(target=hold, daemon=True).start()
assert held.wait(60)

def child():
    assert fork.imports_finish_first.acquire(timeout=10)
    assert fork.queries_finish_first.acquire(timeout=10)

in_child(child)
for other in (fork.imports_finish_first, fork.queries_finish_first):
    assert other.acquire(blocking=False) == (other is not fork.{lock})
"""
    )


@pytest.mark.once
@pytest.mark.parametrize("forks", [10_000 if LONG else 1_000])
def test_no_child_ever_hangs(forks: int) -> None:
    """Other threads hold locks at the forks, and the children do not have these threads."""
    out = run_program(
        f"""
        import os, signal, threading, warnings
        from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Summary

        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        counter = Counter("apples", "Apples.", ["kind"])
        histogram = Histogram("sizes", "Sizes.", ["kind"])
        summary, gauge = Summary("times", "Times."), Gauge("level", "Level.")
        monitor = vs.configure(system_metrics=False, tick_interval=0)
        monitor.rules.add(alert="Many", signal="rate", above=1)
        labels = {{"kind": vs.argument("kind")}}
        operation = monitor.operation("f", labels=labels)(lambda kind: None)
        ended = threading.Event()

        def call():
            kind = 0
            while not ended.is_set():
                kind = (kind + 1) % 4
                operation(kind)
                counter.labels(kind).inc()
                histogram.labels(kind).observe(kind)
                summary.observe(1)
                gauge.inc()

        def repeat(action):
            while not ended.is_set():
                action()

        threads = [threading.Thread(target=call, daemon=True) for _ in range(4)]
        threads.append(threading.Thread(target=repeat, args=[monitor.generate_latest], daemon=True))
        threads.append(threading.Thread(target=repeat, args=[monitor.tick], daemon=True))
        # The forking thread waits for its turn less long, and meets the others in more places.
        sys.setswitchinterval(1e-5)
        for thread in threads:
            thread.start()
        children = []
        for number in range({forks}):
            child = os.fork()
            if not child:
                # A child that hangs is ended by the alarm, and seen.
                signal.alarm(60)
                operation("child")
                # Whatever lock one of these takes is free.
                operation("child")
                counter.labels("child").inc()
                for _ in REGISTRY.collect():
                    pass
                if number % 20 == 0:
                    monitor.generate_latest()
                    monitor.tick()
                os._exit(0)
            children.append(child)
            if len(children) == 4 or number == {forks} - 1:
                statuses = [os.waitpid(child, 0)[1] for child in children]
                assert not any(statuses), (number, statuses)
                children.clear()
        ended.set()
        print("no child hung")
        """,
        measured=False,
        seconds=1200,
    )
    assert out == "no child hung\n"
