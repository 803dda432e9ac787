"""Real processes: what each of them has counted is there after its end, however it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.subprograms import FORKING, run_program

SHARED = (
    FORKING
    + """
import multiprocessing, time, threading
from support.waiting import wait_until
monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, workers=sys.argv[1],
                     publish_interval=float(os.environ.get("INTERVAL", "3600")))

@monitor.operation("f")
def f():
    pass

def count():
    for line in monitor.generate_latest().decode().splitlines():
        if line.startswith("operation_duration_seconds_count"):
            return float(line.rpartition(" ")[2])
    return 0.0

def wait_for(expected, seconds=30):
    wait_until(lambda: count() == expected, seconds)

def publishers():
    return [one for one in threading.enumerate() if one.name == "vitalspan-publish"]

def start(work):
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    finally:
        os._exit(1)
"""
)


def run(program: str, path: Path, **variables: str) -> str:
    prelude = f"import sys\nsys.argv.append({str(path)!r})\n"
    # Coverage handles SIGTERM itself, so ours would leave the signal alone.
    prelude += "import os\n" + PRELUDE + SHARED
    return run_program(program, prelude=prelude, measured=False, **variables)


PRELUDE = "import vitalspan as vs\nfrom prometheus_client import CollectorRegistry\n"


def test_a_process_that_only_imports_the_application_is_no_worker(tmp_path: Path) -> None:
    run(
        """
assert not publishers()
assert monitor.workers.members() == []
def work():
    [thread] = publishers()
    f()
    assert monitor.workers.publisher.publish()
    [own] = monitor.workers.members()
    assert (own.pid, own.worker, own.living) == (os.getpid(), 0, True)
in_child(work)
assert count() == 1
assert not publishers()
assert [one.living for one in monitor.workers.members()] == [False]
f()
assert len(publishers()) == 1
assert count() == 2
""",
        tmp_path / "shared",
    )


def test_a_child_that_serves_is_a_worker_before_its_first_call(tmp_path: Path) -> None:
    run(
        """
def work():
    wait_until(monitor.workers.members)
in_child(work)
""",
        tmp_path,
        INTERVAL="0.1",
    )


def test_what_was_counted_is_published_within_the_interval(tmp_path: Path) -> None:
    run(
        """
read, write = os.pipe()
def work():
    for _ in range(5):
        f()
    os.write(write, b"x")
    time.sleep(60)
pid = start(work)
os.read(read, 1)
wait_for(5)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
assert count() == 5
""",
        tmp_path,
        INTERVAL="0.1",
    )


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize("how", ["end", "terminate", "raise"])
def test_a_child_of_multiprocessing_publishes_at_its_end(
    method: str, how: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\nsys.argv.append(os.environ['SHARED'])\n" + PRELUDE + SHARED + PROGRAM
    )
    run_program(
        f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')",
        prelude="",
        measured=False,
        SHARED=str(tmp_path / "shared"),
        METHOD=method,
        HOW=how,
    )


PROGRAM = """
def work(connection):
    for _ in range(7):
        f()
    connection.send(1)
    how = os.environ["HOW"]
    if how == "terminate":
        time.sleep(60)
    elif how == "raise":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        raise ValueError

if __name__ == "__main__":
    context = multiprocessing.get_context(os.environ["METHOD"])
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs,))
    process.start()
    ours.recv()
    if os.environ["HOW"] == "terminate":
        process.terminate()
    process.join()
    expected = {"terminate": -signal.SIGTERM, "raise": 1, "end": 0}[os.environ["HOW"]]
    assert process.exitcode == expected, process.exitcode
    assert count() == 7, count()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_of_processes(method: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\nsys.argv.append(os.environ['SHARED'])\n"
        + PRELUDE
        + SHARED
        + """
import concurrent.futures
def work(number):
    f()
    return number

if __name__ == "__main__":
    context = multiprocessing.get_context(os.environ["METHOD"])
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(work, range(10))) == list(range(10))
    assert count() == 10, count()
    with context.Pool(2, maxtasksperchild=2) as pool:
        assert pool.map(work, range(10)) == list(range(10))
        pool.close()
        pool.join()
    assert count() == 20, count()
    with context.Pool(2) as pool:
        pool.map(work, range(10))
    assert count() == 30, count()
"""
    )
    run_program(
        f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')",
        prelude="",
        measured=False,
        SHARED=str(tmp_path / "shared"),
        METHOD=method,
    )


def test_sigterm_and_exit(tmp_path: Path) -> None:
    run(
        """
import subprocess
code = '''
import sys, os, signal, time
sys.argv.append(os.environ["SHARED"])
{SHARED}
for _ in range(3):
    f()
if os.environ["HOW"] == "term":
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
elif os.environ["HOW"] == "two":
    second, closed = (
        vs.Monitor(registry=CollectorRegistry(), workers=os.environ["OTHER"], publish_interval=3600)
        for _ in range(2)
    )
    closed.close()
    for one in (second, closed):
        with one.operation("f"):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
elif os.environ["HOW"] == "own":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
'''
for number, (how, status) in enumerate(
    [("term", -signal.SIGTERM), ("own", 7), ("exit", 0), ("two", -signal.SIGTERM)], 1
):
    other = sys.argv[-1] + "-other"
    environ = {**os.environ, "SHARED": sys.argv[-1], "HOW": how, "OTHER": other}
    ended = subprocess.run([sys.executable, "-c", code], env=environ)
    assert ended.returncode == status, (how, ended)
    assert count() == 3 * number, (how, count())
other = vs.Monitor(registry=CollectorRegistry(), workers=other, publish_interval=3600)
assert [one.operation for one in other.recent_calls()] == ["f"], other.recent_calls()
""".replace("{SHARED}", PRELUDE + SHARED),
        tmp_path,
    )


def test_a_signal_in_the_middle_of_publishing_does_not_hang(tmp_path: Path) -> None:
    run(
        """
def work():
    f()
    original = os.pwrite
    def interrupted(*arguments):
        os.pwrite = original
        os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)
    os.pwrite = interrupted
    monitor.workers.publisher.publish()
    time.sleep(60)
pid = start(work)
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
assert count() == 1
""",
        tmp_path,
    )


def test_the_variables_that_set_the_directory(tmp_path: Path) -> None:
    program = """
import vitalspan as vs
vs.get_monitor().operation("f")(print)()
assert "operation_duration_seconds_count" in vs.generate_latest().decode()
print([path for path in (vs.get_monitor().workers.directory.path,)][0])
"""
    printed = run_program(program, prelude="", VITALSPAN_WORKERS=str(tmp_path / "a"))
    assert printed.split() == [str(tmp_path / "a")]
    printed = run_program(
        program, prelude="", VITALSPAN_WORKERS=str(tmp_path / "a"), PROMETHEUS_MULTIPROC_DIR="b"
    )
    assert printed.split() == [str(tmp_path / "a")]
    (tmp_path / "b").mkdir()
    printed = run_program(program, prelude="", PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "b"))
    assert printed.split() == [str(tmp_path / "b" / "vitalspan")]
    assert {path.name for path in (tmp_path / "b").iterdir()} >= {"vitalspan"}
