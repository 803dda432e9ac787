"""Settings, from arguments and from the environment, good and bad."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

import vitalspan as vs
from vitalspan.config import Settings
from vitalspan.environment_settings import from_environment, warn_of_misspelled

GOOD: list[tuple[str, str, str, Any]] = [
    ("COMPONENT", "shop", "component", "shop"),
    ("COMPONENT", "  shop  ", "component", "shop"),
    ("METRIC_PREFIX", "shop_", "metric_prefix", "shop_"),
    ("MAX_SERIES", "10", "max_series", 10),
    ("MAX_SERIES", "1", "max_series", 1),
    ("RECENT_CALLS", " 0 ", "recent_calls", 0),
    ("SLOW_CALLS", "7", "slow_calls", 7),
    ("SYSTEM_METRICS", "false", "system_metrics", False),
    ("SYSTEM_METRICS", "TRUE", "system_metrics", True),
    ("ENABLED", "0", "enabled", False),
    ("ENABLED", "1", "enabled", True),
    ("ENABLED", "No", "enabled", False),
    ("ENABLED", "yes", "enabled", True),
    ("ENABLED", "off", "enabled", False),
    ("ENABLED", "On", "enabled", True),
    ("BUCKETS", "0.1, 0.5,1,2.5e1", "buckets", (0.1, 0.5, 1.0, 25.0)),
    ("BUCKETS", "5", "buckets", (5.0,)),
    ("BUCKETS_FROM_SLOS", "true", "buckets_from_slos", True),
    ("NATIVE_HISTOGRAMS", "false", "native_histograms", False),
    ("CLASSIC_HISTOGRAMS", "false", "classic_histograms", False),
    ("NATIVE_HISTOGRAM_BUCKETS", "2", "native_histogram_buckets", 2),
    ("CREATED_SERIES", "true", "created_series", True),
    ("HEALTH_MODEL", " pipeline ", "health_model", "pipeline"),
    ("HEALTH_MODEL", "off", "health_model", "off"),
    ("HEALTH_SNAPSHOTS", "0", "health_snapshots", 0),
    ("HEALTH_SNAPSHOT_INTERVAL", "0", "health_snapshot_interval", 0.0),
    ("HEALTH_SNAPSHOT_INTERVAL", "86400", "health_snapshot_interval", 86400.0),
    ("WORKERS", "/run/shop", "workers", "/run/shop"),
    ("PUBLISH_INTERVAL", "0.5", "publish_interval", 0.5),
]

BAD: list[tuple[str, str, str]] = [
    ("METRIC_PREFIX", "1shop", "letters, digits and underscores"),
    ("METRIC_PREFIX", "shop-", "letters, digits and underscores"),
    ("METRIC_PREFIX", "é", "letters, digits and underscores"),
    ("MAX_SERIES", "0", "whole number"),
    ("MAX_SERIES", "-1", "whole number"),
    ("MAX_SERIES", "many", "whole number"),
    ("MAX_SERIES", "1.5", "whole number"),
    ("MAX_SERIES", "9" * 30, "whole number"),
    ("RECENT_CALLS", "-1", "whole number"),
    ("RECENT_CALLS", "9" * 5000, "whole number"),
    ("SLOW_CALLS", "x", "whole number"),
    ("SYSTEM_METRICS", "maybe", "true or false"),
    ("ENABLED", "2", "true or false"),
    ("BUCKETS", "0.1;0.5", "numbers with commas between them"),
    ("BUCKETS", "0.1,,0.5", "numbers with commas between them"),
    ("BUCKETS", "-1", "is not above 0"),
    ("BUCKETS", "nan", "not a number of seconds"),
    ("BUCKETS_FROM_SLOS", "2", "true or false"),
    ("NATIVE_HISTOGRAM_BUCKETS", "1", "use a whole number from 2 to 1000000"),
    ("CREATED_SERIES", "perhaps", "true or false"),
    ("HEALTH_MODEL", "fast", "use service, classic, pipeline, slo, off"),
    ("HEALTH_MODEL", "Classic", "use service, classic, pipeline, slo, off"),
    ("HEALTH_SNAPSHOTS", "-1", "use a whole number from 0 to 1000000"),
    ("HEALTH_SNAPSHOTS", "2.5", "whole number"),
    ("HEALTH_SNAPSHOT_INTERVAL", "-1", "use seconds from 0 to 86400"),
    ("HEALTH_SNAPSHOT_INTERVAL", "86401", "use seconds from 0 to 86400"),
    ("HEALTH_SNAPSHOT_INTERVAL", "nan", "use seconds from 0 to 86400"),
    ("HEALTH_SNAPSHOT_INTERVAL", "1m", "a number"),
    ("PUBLISH_INTERVAL", "0", "use seconds from 0.1 to 3600"),
]


@pytest.mark.parametrize(("variable", "text", "name", "value"), GOOD)
def test_a_variable(variable: str, text: str, name: str, value: Any) -> None:
    found = from_environment({f"VITALSPAN_{variable}": text, "HOME": "/"})
    assert found == {name: value}
    assert type(found[name]) is type(value)


@pytest.mark.parametrize(("variable", "text", "advice"), BAD)
def test_a_bad_variable_is_named_with_its_value_and_what_to_do(
    variable: str, text: str, advice: str
) -> None:
    with pytest.raises(vs.ConfigurationError) as refused:
        from_environment({f"VITALSPAN_{variable}": text})
    message = str(refused.value)
    assert f"VITALSPAN_{variable}" in message
    assert text[:20] in message
    assert advice in message
    assert len(message) < 300


@pytest.mark.parametrize("variable", [field.upper() for field in vars(Settings())])
@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_variable_is_not_set(variable: str, text: str) -> None:
    assert from_environment({f"VITALSPAN_{variable}": text}) == {}


def test_a_misspelled_variable_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    names = ("COMPONNENT", "OPERATION", "RULES", "JOB_PING", "HISTORY_TOKEN", "SHOP_IMAGE", "")
    warn_of_misspelled({f"VITALSPAN_{name}": "x" for name in names} | {"COMPONNENT": "x"})
    assert caplog.messages == [
        "there is no variable VITALSPAN_COMPONNENT: did you mean VITALSPAN_COMPONENT?",
        "there is no variable VITALSPAN_OPERATION: did you mean VITALSPAN_OPERATIONS?",
    ]


def test_no_variable() -> None:
    assert from_environment({}) == {}
    assert from_environment({"VITALSPAN_UNKNOWN": "1", "COMPONENT": "x"}) == {}


SETTINGS: list[dict[str, Any]] = [
    {"max_series": 0},
    {"max_series": "10"},
    {"max_series": True},
    {"max_series": 1.0},
    {"max_series": None},
    {"recent_calls": -1},
    {"recent_calls": 10**30},
    {"slow_calls": -1},
    {"slow_calls": "x" * 1000},
    {"system_metrics": 1},
    {"system_metrics": "true"},
    {"enabled": None},
    {"enabled": "no"},
    {"component": None},
    {"component": 5},
    {"component": b"shop"},
    {"metric_prefix": None},
    {"metric_prefix": 5},
    {"metric_prefix": "a b"},
    {"metric_prefix": "shop_\n"},
    {"health_model": None},
    {"health_model": ["classic"]},
    {"health_model": "x" * 1000},
    {"health_snapshots": 10.0},
    {"health_snapshots": True},
    {"health_snapshots": 10**7},
    {"health_snapshot_interval": True},
    {"health_snapshot_interval": "60"},
    {"health_snapshot_interval": float("nan")},
    {"health_snapshot_interval": -0.1},
    {"health_snapshot_interval": 10**400},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=repr)
def test_a_setting_that_cannot_be(settings: dict[str, Any], monitor: vs.Monitor) -> None:
    (name,) = settings
    for refusing in (
        lambda: vs.Monitor(registry=CollectorRegistry(), **settings),
        lambda: monitor.configure(**settings),
    ):
        with pytest.raises(vs.ConfigurationError) as refused:
            refusing()
        assert f"{name}=" in str(refused.value)
        assert "use" in str(refused.value)
        assert len(str(refused.value)) < 300


def test_an_unknown_setting(monitor: vs.Monitor) -> None:
    for refusing in (
        lambda: vs.Monitor(registry=CollectorRegistry(), max_serie=5, colour=1),
        lambda: monitor.configure(max_serie=5, colour=1),
    ):
        with pytest.raises(
            vs.ConfigurationError,
            match=r"colour: there are .*; .* max_serie: did you mean max_series\?",
        ):
            refusing()


def test_a_configuration_error_is_a_value_error() -> None:
    assert issubclass(vs.ConfigurationError, ValueError)
    assert issubclass(vs.ConfigurationError, vs.VitalspanError)


def names(registry: CollectorRegistry) -> set[str]:
    return {metric.name for metric in registry.collect()}


def test_the_prefix_of_a_living_monitor(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    f = monitor.operation("f")(lambda: None)
    f()
    monitor.configure(metric_prefix="shop_")
    f()
    assert all(name.startswith("shop_") for name in names(registry))
    labels = {"component": "default", "operation": "f"}
    assert registry.get_sample_value("shop_operation_duration_seconds_count", labels) == 2
    other = vs.Monitor(registry=registry, system_metrics=False)
    other.close()
    monitor.configure(metric_prefix="")
    assert registry.get_sample_value("operation_duration_seconds_count", labels) == 2


def test_the_component_counts_for_what_is_defined_from_now_on(
    monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    before = monitor.operation("f")(lambda: None)
    monitor.configure(component="sh\ud800op" + "x" * 1000)
    after = monitor.operation("g")(lambda: None)
    before()
    after()
    monitor.cache("c").hit()
    components = {call.operation: call.component for call in monitor.recent_calls()}
    text = ("sh?op" + "x" * 1000)[:256]
    assert components == {"f": "default", "g": text}
    assert f'cache_requests_total{{component="{text}"' in vs.generate_latest(registry).decode()


def test_enabled_is_a_setting(registry: CollectorRegistry, clock: vs.ManualClock) -> None:
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False, enabled=False)
    f = monitor.operation("f")(lambda: 1)
    assert not monitor.enabled
    assert f() == 1
    monitor.configure(enabled=True)
    assert monitor.enabled
    assert f() == 1
    monitor.disable()
    monitor.configure(slow_calls=5)
    assert not monitor.enabled
    assert len(monitor.recent_calls()) == 1
    monitor.close()


def test_system_metrics_come_and_go(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, system_metrics=False)
    bare = names(registry)
    monitor.configure(system_metrics=True)
    assert {"system_cpus", "process_threads", "python_info"} <= names(registry)
    monitor.configure(system_metrics=False)
    assert names(registry) == bare
    monitor.close()


def everything(monitor: vs.Monitor) -> dict[str, Any]:
    recorder = monitor._recorder
    return {
        "settings": monitor._settings,
        "component": monitor._call_sites.component,
        "series": recorder.series_table.limit,
        "recent": recorder.aggregator.recent.size,
        "slow": recorder.slow.maxlen,
        "enabled": (recorder.enabled, monitor._counters.enabled),
        "prefix": monitor._families.prefix,
        "names": names(monitor.registry),
    }


@pytest.mark.parametrize(
    "change", [{"recent_calls": -1}, {"metric_prefix": "taken_"}, {"colour": "red"}], ids=repr
)
def test_a_refused_configure_changes_nothing(
    monitor: vs.Monitor, registry: CollectorRegistry, change: dict[str, Any]
) -> None:
    taken = Counter("taken_operation_errors", "another's", registry=registry)
    taken.inc()
    with monitor.operation("f"):
        pass
    before = everything(monitor)
    with pytest.raises(vs.ConfigurationError):
        monitor.configure(
            **{"component": "x", "max_series": 5, "slow_calls": 1, "enabled": False, **change}
        )
    assert everything(monitor) == before
    assert registry.get_sample_value("taken_operation_errors_total") == 1
    monitor.configure(metric_prefix="free_")
    assert "free_operation_errors" in {
        metric.name for collector in registry._collector_to_names for metric in collector.describe()
    }


def test_two_monitors_in_one_registry(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    before = names(registry)
    with pytest.raises(vs.ConfigurationError) as refused:
        vs.Monitor(registry=registry)
    for advice in ("another registry", "metric_prefix", "close the monitor"):
        assert advice in str(refused.value)
    assert names(registry) == before
    second = vs.Monitor(registry=registry, metric_prefix="second_", system_metrics=False)
    second.close()


def test_close_and_make_anew(registry: CollectorRegistry) -> None:
    for _ in range(3):
        monitor = vs.Monitor(registry=registry)
        with monitor.operation("f"):
            pass
        assert "operation_duration_seconds" in names(registry)
        monitor.close()
        monitor.close()
        assert names(registry) == set()
    with monitor.operation("f"):
        pass
    assert len(monitor.recent_calls()) == 2


def test_a_closed_monitor_stays_out_of_the_registry(
    monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    monitor.close()
    monitor.configure(metric_prefix="late_", system_metrics=True)
    assert names(registry) == set()


def test_closing_what_was_taken_out_already(
    monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    for collector in list(registry._collector_to_names):
        registry.unregister(collector)
    monitor.close()


def test_reset(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    with monitor.operation("f", slow=0.0):
        pass
    monitor.cache("c").hit()
    monitor.api("a").record(tokens=-1)
    monitor.reset()
    assert monitor.recent_calls() == []
    assert monitor.slow_calls() == []
    page = vs.generate_latest(registry).decode()
    values = {
        line.split("{")[0].split(" ")[0]: float(line.rsplit(" ", 1)[1])
        for line in page.splitlines()
        if not line.startswith("#")
    }
    del values["vitalspan_series"], values["vitalspan_build_info"]
    assert set(values.values()) == {0.0}
