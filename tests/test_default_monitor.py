"""The default monitor comes into being with the first operation, and not before."""

from __future__ import annotations

import pytest

from support.subprograms import run_program


def test_importing_has_no_side_effect() -> None:
    run_program(
        """
import threading
from prometheus_client import REGISTRY
from vitalspan import default, operation
assert vs.__version__
assert not default._monitors
assert threading.active_count() == 1
assert "operation_duration_seconds" not in REGISTRY._names_to_collectors
assert not any(name.startswith("vitalspan") for name in REGISTRY._names_to_collectors)
"""
    )


def test_importing_opens_no_file_and_starts_no_thread() -> None:
    printed = run_program(
        """
import subprocess
code = '''
import sys, threading
opened = None
if sys.platform == "linux":
    import os
    opened = sorted(os.listdir("/proc/self/fd"))
from vitalspan import operation
if opened is not None:
    assert sorted(os.listdir("/proc/self/fd")) == opened
assert threading.active_count() == 1
print("fine")
'''
ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
assert ended.returncode == 0, ended.stderr
print(ended.stdout)
"""
    )
    assert printed == "fine\n\n"


@pytest.mark.parametrize(
    "first",
    [
        "vs.operation('f')",
        "vs.operation(lambda: None)",
        "vs.operation()",
        "vs.cache('c')",
        "vs.api('a')",
        "vs.get_monitor()",
        "vs.configure(component='x')",
        "vs.configure()",
    ],
)
def test_what_makes_it(first: str) -> None:
    run_program(
        f"""
from prometheus_client import REGISTRY
{first}
(monitor,) = vs.default._monitors
assert vs.get_monitor() is monitor
assert monitor.registry is REGISTRY
assert "operation_duration_seconds" in REGISTRY._names_to_collectors
"""
    )


def test_it_is_shown_where_the_application_shows_its_own() -> None:
    run_program(
        """
import prometheus_client
@vs.operation
def f():
    pass

f()
for page in (prometheus_client.generate_latest(), vs.generate_latest()):
    text = page.decode()
    assert 'operation_duration_seconds_count{component="default",operation="f"} 1' in text
    assert text.count("# TYPE process_cpu_seconds_total") == 1
    assert text.count("# TYPE python_info") == 1
    assert "system_cpus" in text
"""
    )


def test_the_environment_is_respected_and_settings_go_before_it() -> None:
    run_program(
        """
monitor = vs.configure(max_series=7)
settings = monitor._settings
assert (settings.component, settings.max_series) == ("shop", 7)
assert (settings.recent_calls, settings.system_metrics) == (5, False)
for _ in range(9):
    with vs.operation("f"):
        pass
assert len(monitor.recent_calls()) == 5
line = b'shop_operation_duration_seconds_count{component="shop",operation="f"} 9'
assert line in vs.generate_latest()
assert vs.configure(slow_calls=4) is monitor
assert monitor._settings.max_series == 7
""",
        VITALSPAN_COMPONENT="shop",
        VITALSPAN_METRIC_PREFIX="shop_",
        VITALSPAN_MAX_SERIES="3",
        VITALSPAN_RECENT_CALLS="5",
        VITALSPAN_SYSTEM_METRICS="no",
    )


def test_a_component_that_comes_too_late_is_logged() -> None:
    printed = run_program(
        """
import logging
logging.basicConfig(format="%(message)s", stream=sys.stdout)

@vs.operation("own", component="till")
def own(): ...

vs.configure(component="first")

@vs.operation
def early(): ...

vs.configure(tick_interval=0)
vs.configure(component="first")
vs.configure(component="second")
vs.configure(component="third")
early()
assert b'{component="first",operation="early"} 1' in vs.generate_latest()
""",
        VITALSPAN_COMPONNENT="x",
    )
    assert printed == (
        "there is no variable VITALSPAN_COMPONNENT: did you mean VITALSPAN_COMPONENT?\n"
        "early and whatever else was defined before component='second' was set stay in the "
        "component first: call configure() before their modules are imported, or set "
        "VITALSPAN_COMPONENT\n"
    )


def test_disabled_by_the_environment() -> None:
    run_program(
        """
@vs.operation
def f():
    return 5

assert f() == 5
assert not vs.get_monitor().enabled
assert vs.get_monitor().recent_calls() == []
""",
        VITALSPAN_ENABLED="false",
    )


def test_a_bad_variable_is_told_at_the_first_operation() -> None:
    run_program(
        """
for first in (lambda: vs.operation("f"), vs.get_monitor, lambda: vs.configure(max_series=5)):
    try:
        first()
    except vs.ConfigurationError as refused:
        assert "VITALSPAN_MAX_SERIES" in str(refused) and "'many'" in str(refused)
    else:
        raise AssertionError
assert not vs.default._monitors
os.environ["VITALSPAN_MAX_SERIES"] = "5"
assert vs.get_monitor()._settings.max_series == 5
""",
        VITALSPAN_MAX_SERIES="many",
    )


def test_a_refused_configure_makes_nothing() -> None:
    run_program(
        """
from opentelemetry import trace
for settings in ({"tracing": "zipkin"}, {"recent_calls": -1}, {"tracing": "otlp", "colour": 1}):
    try:
        vs.configure(component="changed", **settings)
    except vs.ConfigurationError:
        pass
    else:
        raise AssertionError
assert not vs.default._monitors
assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
monitor = vs.get_monitor()
try:
    vs.configure(component="changed", tracing="zipkin")
except vs.ConfigurationError:
    pass
assert monitor._settings.component == "default"
"""
    )


def test_names_that_the_registry_has_already() -> None:
    run_program(
        """
from prometheus_client import Counter
Counter("operation_errors", "another's")
try:
    vs.operation("f")
except vs.ConfigurationError as refused:
    assert "metric_prefix" in str(refused)
else:
    raise AssertionError
vs.configure(metric_prefix="vs_")
with vs.operation("f"):
    pass
assert b"vs_operation_duration_seconds_count" in vs.generate_latest()
"""
    )


def test_many_threads_get_the_same_one() -> None:
    run_program(
        """
import threading
barrier, found = threading.Barrier(16), []
sys.setswitchinterval(1e-6)
def work(number):
    barrier.wait()
    if number % 2:
        vs.configure(recent_calls=7)
    found.append(vs.get_monitor())

threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == 16
assert len(set(map(id, found))) == 1
assert found[0]._settings.recent_calls == 7
"""
    )


def test_module_level_functions_are_the_monitors() -> None:
    run_program(
        """
monitor = vs.get_monitor()
assert vs.cache("c") is monitor.cache("c")
assert vs.api("a", component="x") is monitor.api("a", component="x")
assert vs.cache("c", component="x") is monitor.cache("c", component="x")
options = {"component": "x", "labels": {"a": "b"}}
with vs.operation("f", **options, attributes={"c": 1}, slow=0.0, resources=True):
    pass
with monitor.operation("f", component="x", labels={"a": "b"}):
    pass
def g():
    pass
assert vs.operation("g", enabled=False)(g) is g
first, second = monitor.recent_calls()
assert first[:3] == second[:3] == ("f", "x", {"a": "b"})
assert first.attributes == {"c": 1}
assert first.rss_before and len(monitor.slow_calls()) == 1
"""
    )
