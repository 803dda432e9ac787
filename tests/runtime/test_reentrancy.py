"""Recording out of whatever interrupts a program, at any point of recording itself."""

from __future__ import annotations

import sys

import pytest

from support.subprograms import run_program

SETUP = """
monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
registry = monitor.registry

@monitor.operation("f")
def f():
    return 1

@monitor.operation("other")
def other():
    return 2

cache, api = monitor.cache("c"), monitor.api("a")

def read(name, **labels):
    return registry.get_sample_value(name, {"component": "default", **labels})

def count(operation):
    return read("operation_duration_seconds_count", operation=operation)

def no_faults():
    for where in ("begin", "end", "fold", "measure", "span", "api"):
        value = registry.get_sample_value("vitalspan_internal_errors_total", {"where": where})
        assert value == 0, where
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs interval timers")


def test_garbage_collection_while_folding() -> None:
    run_program(
        SETUP
        + """
import gc
runs, inside = 0, False

def collected(phase, info):
    global runs, inside
    if phase == "start" and not inside:
        inside = True
        runs += 1
        for _ in range(20):
            other()
        with monitor.operation(f"gc{runs % 7}", labels={"n": runs % 3}) as call:
            call.add("items")
        cache.hit()
        inside = False

gc.set_threshold(3, 2, 2)
gc.callbacks.append(collected)
for turn in range(5000):
    f()
    cache.hit()
    if turn % 100 == 0:
        text = vs.generate_latest(registry)
gc.callbacks.clear()
gc.set_threshold(700, 10, 10)
assert runs > 50
assert count("f") == 5000
assert count("other") == 20 * runs
assert read("cache_requests_total", cache="c", result="hit") == 5000 + runs
assert read("operation_in_progress", operation="other") == 0
no_faults()
"""
    )


def test_finalizers_and_weak_references() -> None:
    run_program(
        SETUP
        + """
import weakref
class Dying:
    def __del__(self):
        other()
        cache.hit()

class Watched:
    pass

for _ in range(2000):
    dying = Dying()
    watched = Watched()
    reference = weakref.ref(watched, lambda _: other())
    f()
    del dying, watched
assert count("f") == 2000
assert count("other") == 4000
no_faults()
"""
    )


@posix
def test_signal_handlers() -> None:
    run_program(
        SETUP
        + """
import signal
# A handler that comes while this is imported would find half of it.
vs.generate_latest(registry)
runs = scrapes = 0

def handler(number, frame):
    global runs, scrapes
    runs += 1
    for _ in range(17):
        other()
    with monitor.operation(f"signal{runs % 5}"):
        cache.hit()
    api.record(tokens=2)
    if runs % 20 == 0:
        scrapes += 1
        vs.generate_latest(registry)
        monitor.recent_calls()
    # From its end on, so that a slow machine gets on with the program as well.
    signal.setitimer(signal.ITIMER_REAL, 0.0005)

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005)
turns = 0
while scrapes < 20:
    turns += 1
    f()
    cache.hit()
    if turns % 3000 == 0:
        vs.generate_latest(registry)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
assert count("f") == turns
assert count("other") == 17 * runs
assert read("cache_requests_total", cache="c", result="hit") == turns + runs
assert read("api_tokens_total", api="a") == 2 * runs
assert read("operation_in_progress", operation="f") == 0
no_faults()
"""
    )


@posix
def test_a_signal_handler_out_of_every_line_of_the_library() -> None:
    """A tracing function calls the handler at each line, so that no window is left to luck."""
    run_program(
        SETUP
        + """
import signal
runs, inside = 0, False

def handler(number, frame):
    global runs
    runs += 1
    for _ in range(20):
        other()
    cache.hit()
    if runs % 10 == 0:
        vs.generate_latest(registry)

signal.signal(signal.SIGUSR1, handler)

def trace(frame, event, argument):
    global inside
    if "vitalspan" not in frame.f_code.co_filename:
        return None
    if event == "line" and not inside:
        inside = True
        signal.raise_signal(signal.SIGUSR1)
        inside = False
    return trace

sys.settrace(trace)
for turn in range(40):
    f()
    with monitor.operation("block") as call:
        call.add("items")
    cache.hit()
    if turn % 10 == 0:
        monitor.fold()
sys.settrace(None)
assert runs > 500
assert count("f") == 40
assert count("block") == 40
assert read("operation_items_total", operation="block") == 40
assert count("other") == 20 * runs, (count("other"), runs)
assert read("cache_requests_total", cache="c", result="hit") == 40 + runs
assert read("operation_in_progress", operation="other") == 0
no_faults()
"""
    )


def test_at_exit() -> None:
    printed = run_program(
        SETUP
        + """
import atexit
@atexit.register
def last():
    for _ in range(40):
        f()
    with monitor.operation("g"):
        cache.hit()
    print(count("f"), count("g"), len(monitor.recent_calls()))
"""
    )
    assert printed == "40 1 41\n"


def test_at_interpreter_shutdown() -> None:
    run_program(
        SETUP
        + """
import builtins, threading
class Late:
    def __init__(self):
        self.f, self.cache, self.monitor, self.generate = f, cache, monitor, vs.generate_latest
        self.operation = monitor.operation("late")
    def __del__(self):
        for _ in range(100):
            self.f()
            self.cache.hit()
            with self.operation as call:
                call.add("items")
            with self.monitor.operation("later"):
                pass

builtins.kept = Late()
sys.modules["kept"] = Late()
kept = Late()
cycle = Late()
cycle.itself = cycle
thread = threading.Thread(target=lambda: threading.Event().wait(), daemon=True)
thread.start()
def forever():
    while True:
        f()
threading.Thread(target=forever, daemon=True).start()
for _ in range(100):
    f()
"""
    )


def test_a_program_that_only_imports_and_records() -> None:
    run_program("vs.operation('f')(lambda: None)()\n")


INTERRUPTED = """
import signal, time
class Stop(BaseException):
    pass

armed, stops = False, 0

def handler(number, frame):
    global armed, stops
    if armed:
        armed = False
        stops += 1
        raise Stop

signal.signal(signal.SIGALRM, handler)

def arm():
    # Again after a while: CPython 3.12 can overlook a signal that comes while it looks for one.
    global armed
    armed = True
    signal.setitimer(signal.ITIMER_REAL, 0.0002 + 0.0001 * (stops % 3), 0.1)

def interrupt(until_interrupted, seconds):
    "Interrupt a loop, which runs while `armed`, at as many points as there is time for."
    end = time.monotonic() + seconds
    while stops < 200 or (stops < 3000 and time.monotonic() < end):
        try:
            arm()
            until_interrupted()
            raise AssertionError("the interrupt was swallowed")
        except Stop:
            pass
    signal.setitimer(signal.ITIMER_REAL, 0)
"""


@posix
@pytest.mark.parametrize("options", ["", ", resources=True"])
@pytest.mark.parametrize("provider", ["None", "NoOpTracerProvider()"])
def test_an_interrupt_at_any_point_leaves_nothing_in_progress(options: str, provider: str) -> None:
    run_program(
        SETUP
        + INTERRUPTED
        + f"""
from opentelemetry.trace import NoOpTracerProvider
other_monitor = monitor
monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, tracer_provider={provider})
registry = monitor.registry
calls = entered = 0

@monitor.operation("g"{options})
def g():
    global entered
    entered += 1

# A function, since CPython 3.13 leaves a loop's jump back out of the `try` that it stands in.
def until_interrupted():
    global calls
    while armed:
        g()
        calls += 1

interrupt(until_interrupted, seconds=4)
assert not monitor._recorder.aggregator._lock.locked()
assert read("operation_in_progress", operation="g") == 0
assert not monitor._recorder.series_table._series["default", "g", ()].in_hand
seen = count("g")
# No batch is lost or counted twice: only a call that had ended when its caller was interrupted is
# in one of the two numbers alone.
assert calls <= seen <= calls + stops, (seen, calls, stops)
stopped = read("operation_errors_total", operation="g", error_type="__main__.Stop")
assert 0 < stopped <= stops, (stopped, stops)
for _ in range(300):
    g()
assert count("g") == seen + 300
""",
        measured=False,
    )


@posix
@pytest.mark.parametrize("what", ["monitor.fold()", "cache.hits.total()", "cache.hit()"])
def test_an_interrupt_leaves_no_lock_taken(what: str) -> None:
    run_program(
        SETUP
        + INTERRUPTED
        + f"""
def until_interrupted():
    while armed:
        {what}

interrupt(until_interrupted, seconds=2)
assert not monitor._recorder.aggregator._lock.locked()
assert not cache.hits._lock.locked()
""",
        measured=False,
    )


@posix
@pytest.mark.parametrize("what", ["monitor.tick()", "monitor.alerts.active()", "monitor.health()"])
def test_an_interrupt_leaves_no_lock_of_the_evaluation_taken(what: str) -> None:
    """Otherwise every later scrape would wait for ever."""
    run_program(
        SETUP
        + INTERRUPTED
        + f"""
import contextlib, threading
monitor.rules.add(alert="Busy", signal="rate", above=0)
evaluation = monitor.evaluation
f()
monitor.tick()

def until_interrupted():
    while armed:
        # What was interrupted halfway may not be whole.
        with contextlib.suppress(Exception):
            {what}

def look():
    free.append(evaluation._ticking.acquire(blocking=False))
    for lock in (evaluation._history_lock, evaluation._lock):
        free.append(lock.current.acquire(blocking=False))

interrupt(until_interrupted, seconds=3)
free = []
thread = threading.Thread(target=look)
thread.start()
thread.join()
assert free == [True, True, True], free
""",
        measured=False,
    )
