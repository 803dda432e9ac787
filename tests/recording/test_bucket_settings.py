"""Exported boundaries of a monitor and of an operation, and those that SLOs add."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import vitalspan as vs
from support.promtool import promtool
from support.subprograms import run_program
from vitalspan.exposition.formats import Format
from vitalspan.metrics import DURATION_BOUNDARIES

BUCKET = "operation_duration_seconds_bucket"


def histograms(monitor: vs.Monitor) -> dict[str, dict[float, float]]:
    """Return cumulative counts by boundary of each operation, the same from both writers."""
    text = vs.generate_latest(monitor.registry).decode()
    written = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    collected = [sample for metric in monitor.registry.collect() for sample in metric.samples]
    both: list[dict[str, dict[float, float]]] = [{}, {}]
    for found, samples in zip(both, (written, collected), strict=True):
        for sample in samples:
            if sample.name == BUCKET:
                counts = found.setdefault(sample.labels["operation"], {})
                counts[float(sample.labels["le"])] = sample.value
    assert both[0] == both[1]
    return both[0]


def bounds(monitor: vs.Monitor) -> dict[str, tuple[float, ...]]:
    return {name: tuple(counts)[:-1] for name, counts in histograms(monitor).items()}


def call(monitor: vs.Monitor, name: str, *seconds: float, **options: Any) -> None:
    for one in seconds:
        with monitor.operation(name, **options):
            monitor.clock.advance(one)  # type: ignore[attr-defined]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def test_a_monitor_has_boundaries(clock: vs.ManualClock, registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(
        registry=registry, clock=clock, system_metrics=False, buckets=[0.5, 1, 2], max_series=1
    )
    call(monitor, "f", 0.5, 0.75, 3.0)
    call(monitor, "g", 0.25)
    assert histograms(monitor) == {
        "f": {0.5: 1, 1: 2, 2: 2, float("inf"): 3},
        "_overflow": {0.5: 1, 1: 1, 2: 1, float("inf"): 1},
    }


def test_an_operation_has_boundaries_of_its_own(monitor: vs.Monitor) -> None:
    call(monitor, "nightly", 30.0, 90.0, 4000.0, buckets=(60, 3600))
    call(monitor, "ordinary", 30.0)
    found = histograms(monitor)
    assert found["nightly"] == {60: 1, 3600: 2, float("inf"): 3}
    assert tuple(found["ordinary"])[:-1] == DURATION_BOUNDARIES
    text = vs.generate_latest(monitor.registry).decode()
    assert text.count("# TYPE operation_duration_seconds histogram") == 1
    assert promtool("check", "metrics", given=text.encode()) == ""


def test_all_series_of_an_operation_have_its_boundaries(monitor: vs.Monitor) -> None:
    operation = monitor.operation("f", buckets=[1.0])
    with operation as running:
        running.set_label("status", "paid")
    with monitor.operation("f", labels={"tier": "gold"}):
        pass
    text = vs.generate_latest(monitor.registry).decode()
    les = [line.split('le="')[1][:4] for line in text.splitlines() if line.startswith(BUCKET)]
    assert les == ['1.0"', "+Inf"] * 2


def test_components_do_not_share_boundaries(
    monitor: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    call(monitor, "f", 1.0, component="a", buckets=[1.0])
    call(monitor, "f", 1.0, component="b", buckets=[2.0])
    assert warnings(caplog) == []


def test_boundaries_that_come_before_the_first_call_are_taken(monitor: vs.Monitor) -> None:
    @monitor.operation
    def early() -> None:
        """Defined before the settings are made, as most functions are."""

    own = monitor.operation("own", buckets=[7.0])(early)
    late = monitor.operation("late")
    monitor.operation("late", buckets=[3.0])(early)
    monitor.configure(buckets=[0.1, 0.2])
    early()
    own()
    with late:
        pass
    assert bounds(monitor)["own"] == (7.0,)
    assert bounds(monitor)["late"] == (3.0,)
    [early_bounds] = [found for name, found in bounds(monitor).items() if name.endswith("early")]
    assert early_bounds == (0.1, 0.2)


def test_boundaries_stay_where_calls_are_counted(
    monitor: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    call(monitor, "f", 0.3)
    call(monitor, "g", 0.3)
    monitor.configure(buckets=[0.1, 0.2])
    call(monitor, "h", 0.15)
    call(monitor, "f", 0.3, buckets=[5.0])
    found = bounds(monitor)
    assert (found["f"], found["g"]) == (DURATION_BOUNDARIES, DURATION_BOUNDARIES)
    assert found["h"] == (0.1, 0.2)
    assert histograms(monitor)["f"][float("inf")] == 2
    stay = "the bucket boundaries of"
    assert [message.startswith(stay) for message in warnings(caplog)] == [True, True]
    assert "of 2 series cannot change" in warnings(caplog)[0]
    monitor.forget("g")
    call(monitor, "g", 0.15)
    assert bounds(monitor)["g"] == (0.1, 0.2)


def test_a_call_in_progress_is_counted_in_the_new_boundaries(monitor: vs.Monitor) -> None:
    with monitor.operation("f"):
        monitor.clock.advance(0.3)  # type: ignore[attr-defined]
        monitor.configure(buckets=[0.2, 0.4])
    assert histograms(monitor)["f"] == {0.2: 0, 0.4: 1, float("inf"): 1}


def test_a_reader_that_has_to_wait_leaves_boundaries_alone(
    monitor: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.operation("f")(lambda: None)
    with monitor._recorder.aggregator.flushed(list):
        monitor.configure(buckets=[0.2, 0.4])
    assert bounds(monitor)["f"] == DURATION_BOUNDARIES
    assert len(warnings(caplog)) == 1


def test_two_places_that_disagree_are_told_once(
    monitor: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        call(monitor, "f", 0.3, buckets=[0.2, 0.4])
        call(monitor, "f", 0.3, buckets=(0.5,))
        call(monitor, "f", 0.3)
    assert bounds(monitor) == {"f": (0.2, 0.4)}
    [message] = warnings(caplog)
    assert message == (
        "operation f of component default is defined with buckets=(0.2, 0.4) and with "
        "buckets=(0.5,): the first ones are used for both, so make them the same, or rename one "
        "of the operations"
    )


def test_operations_beyond_what_is_kept_have_the_boundaries_of_the_monitor(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("vitalspan.recording.boundary_table.MAX_DECLARED", 1)
    call(monitor, "f", 0.3, buckets=[0.2])
    call(monitor, "g", 0.3, buckets=[0.2])
    assert bounds(monitor) == {"f": (0.2,), "g": DURATION_BOUNDARIES}
    assert warnings(caplog) == []


def test_thresholds_of_slos_are_boundaries_on_request(
    clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    monitor = vs.Monitor(
        registry=registry,
        clock=clock,
        system_metrics=False,
        buckets=[0.1, 1],
        buckets_from_slos=True,
    )
    monitor.operation("early")(lambda: None)
    monitor.rules.add_slo(name="fast", objective="99%", under="300ms")
    monitor.rules.add_slo(name="known", objective="99%", under="1s")
    monitor.rules.add_slo(name="available", objective="99%")
    call(monitor, "f", 0.3, 0.31)
    call(monitor, "own", 0.3, buckets=[5])
    found = bounds(monitor)
    assert found == {"early": (0.1, 0.3, 1), "f": (0.1, 0.3, 1), "own": (0.3, 1, 5)}
    # What the SLO calls good is what its bucket counts.
    monitor.tick(clock.now() + 1)
    read = registry.get_sample_value
    events = read("slo_events_total", {"slo": "fast"})
    bad = read("slo_bad_events_total", {"slo": "fast"})
    good = sum(counts[0.3] for counts in histograms(monitor).values())
    assert (events, bad, good) == (3, 1, 2)


def test_thresholds_of_slos_are_no_boundaries_otherwise(
    monitor: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.rules.add_slo(name="fast", objective="99%", under="300ms")
    monitor.operation("early")(lambda: None)
    call(monitor, "counted", 0.2)
    assert set(bounds(monitor).values()) == {DURATION_BOUNDARIES}
    monitor.configure(buckets_from_slos=True)
    assert 0.3 in bounds(monitor)["early"]
    assert 0.3 not in bounds(monitor)["counted"]
    assert len(warnings(caplog)) == 1
    monitor.configure(buckets_from_slos=False)
    assert bounds(monitor)["early"] == DURATION_BOUNDARIES
    assert len(warnings(caplog)) == 1


def test_exemplars_are_at_the_bucket_of_their_duration(
    clock: vs.ManualClock, registry: CollectorRegistry, provider: Any
) -> None:
    monitor = vs.Monitor(
        registry=registry,
        clock=clock,
        system_metrics=False,
        tracer_provider=provider,
        buckets=[0.2, 0.4, 0.8],
    )
    call(monitor, "f", 0.3)
    text = vs.generate_latest(registry, format=Format.OPENMETRICS_1_0_0).decode()
    [with_exemplar] = [line for line in text.splitlines() if " # {" in line]
    assert 'le="0.4"' in with_exemplar


def test_pickled_operations_bring_their_boundaries() -> None:
    run_program(
        """
import pickle
definition = pickle.dumps(vs.operation("f", buckets=[0.2, 0.4]))
vs.get_monitor().close()
monitor = vs.Monitor(registry=CollectorRegistry())
vs.default._monitors[:] = [monitor]
with pickle.loads(definition):
    pass
labels = {"component": "default", "operation": "f", "le": "0.4"}
assert monitor.registry.get_sample_value("operation_duration_seconds_bucket", labels) == 1
"""
    )
