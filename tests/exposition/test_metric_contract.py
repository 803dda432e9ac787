from __future__ import annotations

import re
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as plain_families

import vitalspan as vs
from support.everything import MEASURES, do_everything
from vitalspan import metrics as names
from vitalspan.exposition.formats import Format
from vitalspan.exposition.generate import generate_latest
from vitalspan.metrics import Family

ELSEWHERE = names.SEPARATE_FAMILIES - {*names.MODEL_FAMILIES, *names.GEN_AI_FAMILIES}
BY_OPTION = ("vitalspan_store_", "vitalspan_reports_")
APART = tuple(family.name for family in ELSEWHERE)
FAMILIES = {
    family.name: family
    for family in vars(names).values()
    if isinstance(family, Family)
    and family not in ELSEWHERE
    and not family.name.startswith(BY_OPTION)
}
MODEL = {"component", "api", "model"}
GEN_AI = {"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"}
FOREIGN = ("process_", "python_", "system_")


def rich_families(text: str) -> list[Metric]:
    parse: Any = openmetrics_parser.text_string_to_metric_families
    return list(parse(text))


@pytest.fixture(params=["", "shop_"])
def prefix(request: pytest.FixtureRequest) -> str:
    prefix: str = request.param
    return prefix


@pytest.fixture
def text(clock: vs.ManualClock, provider: TracerProvider, prefix: str) -> str:
    registry = CollectorRegistry()
    monitor = vs.Monitor(
        registry=registry,
        clock=clock,
        tracer_provider=provider,
        metric_prefix=prefix,
        metrics="otlp",
    )
    do_everything(monitor, clock)
    text = generate_latest(registry, format=Format.OPENMETRICS_1_0_0).decode()
    monitor.close()
    return text


def test_names_and_exposition_agree(text: str, prefix: str) -> None:
    exported = {}
    for family in rich_families(text):
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        name = family.name + suffix
        exported[name] = (family.type, family.documentation, family.unit)
        assert family.samples, family.name
    spelled = {**FAMILIES}
    for measure in map(names.measure, MEASURES):
        spelled[measure.name] = measure
    # prometheus_client and psutil name these.
    own = {
        name: seen
        for name, seen in exported.items()
        if not name.startswith(FOREIGN) and not name.removeprefix(prefix).startswith(APART)
    }
    assert own == {
        prefix + name: (known.type, known.help, known.unit) for name, known in spelled.items()
    }


def test_the_contract_of_labels(text: str, prefix: str) -> None:
    operation = {"component", "operation"}
    declared = {*operation, "tier"}
    # Those of tasks are on their operations alone, of which one was called.
    called = {*declared, "task", "queue"}
    expected = {
        "operation_duration_seconds_bucket": {*called, "le"},
        "operation_duration_seconds_count": called,
        "operation_duration_seconds_sum": called,
        "operation_errors_total": {*declared, "error_type"},
        "operation_cancellations_total": called,
        "operation_in_progress": called,
        "operation_oldest_in_progress_seconds": called,
        "operation_time_to_first_byte_seconds_bucket": {*declared, "le"},
        "operation_time_to_first_byte_seconds_count": declared,
        "operation_time_to_first_byte_seconds_sum": declared,
        "operation_cpu_seconds_total": called,
        "operation_memory_growth_bytes_total": called,
        "operation_items_total": declared,
        "operation_bytes_total": declared,
        "cache_requests_total": {"component", "cache", "result"},
        "api_calls_total": {"component", "api", "outcome"},
        "api_tokens_total": {"component", "api"},
        "api_cost_dollars_total": {"component", "api"},
        "api_model_calls_total": {*MODEL, "outcome"},
        "api_model_tokens_total": {*MODEL, "token_type"},
        "api_model_cost_dollars_total": MODEL,
        "api_retries_total": MODEL,
        "api_duration_seconds_bucket": {*MODEL, "le"},
        "api_time_to_first_token_seconds_bucket": {*MODEL, "le"},
        "gen_ai_client_token_usage_bucket": {*GEN_AI, "gen_ai_token_type", "le"},
        "gen_ai_client_operation_duration_seconds_bucket": {*GEN_AI, "error_type", "le"},
        "gen_ai_client_operation_time_to_first_chunk_seconds_bucket": {*GEN_AI, "le"},
        "slo_events_total": {"slo"},
        "slo_bad_events_total": {"slo"},
        "slo_objective_ratio": {"slo"},
        "slo_error_budget_remaining_ratio": {"slo"},
        "alert_state": {"alertname", "severity", "team", "component", "slo", "long_window"},
        "alert_transitions_total": {"alertname", "severity", "state"},
        "alert_notifications_total": {"receiver", "result"},
        "health_score": set(),
        "health_status": {prefix + "health_status"},
        "health_factor_score": {"factor"},
        "health_factor_weight": {"factor"},
        "health_factor_points_lost": {"factor"},
        "component_health_score": {"component"},
        "component_effective_health_score": {"component"},
        "component_dependency_info": {"component", "depends_on"},
        "component_recommended_concurrency": {"component"},
        "vitalspan_receiver_circuit_open": {"receiver"},
        "vitalspan_alert_actions_total": {"result"},
        "vitalspan_otlp_data_points_total": {"result"},
        "vitalspan_otlp_requests_total": {"result"},
        "vitalspan_otlp_waiting_bytes": set(),
        "vitalspan_rules_reload_failed": set(),
        "vitalspan_rule_failures_total": {"alertname"},
        "vitalspan_rule_without_series": {"alertname"},
        "vitalspan_tick_seconds_count": set(),
        "vitalspan_tick_seconds_sum": set(),
        "vitalspan_profiles_total": {"result"},
        "vitalspan_internal_errors_total": {"where"},
        "vitalspan_collector_errors_total": {"collector"},
        "vitalspan_series": set(),
        "vitalspan_series_overflows_total": set(),
        "vitalspan_fold_seconds_count": set(),
        "vitalspan_fold_seconds_sum": set(),
        "vitalspan_build_info": {"opentelemetry", "prometheus_client", "python", "version"},
    }
    found: dict[str, set[str]] = {}
    for family in rich_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    for histogram in [name for name in expected if name.endswith("_bucket")]:
        for part in ("_count", "_sum"):
            name = histogram.removesuffix("_bucket") + part
            expected[name] = expected[histogram] - {"le"}
    own = {
        name: labels
        for name, labels in found.items()
        # Those of prometheus_client's own metrics.
        if not name.startswith(FOREIGN)
        and not name.endswith("_created")
        and not name.removeprefix(prefix).startswith(APART)
    }
    assert own == {prefix + name: labels for name, labels in expected.items()}


def test_values_are_those_of_the_events(text: str, prefix: str) -> None:
    samples = {
        (sample.name.removeprefix(prefix), frozenset(sample.labels.items())): sample.value
        for family in rich_families(text)
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return float(samples[name, frozenset({"component": "default", **labels}.items())])

    work = {"operation": "work", "tier": "gold"}
    assert value("operation_duration_seconds_count", **work) == 4
    assert value("operation_duration_seconds_sum", **work) == pytest.approx(0.9)
    assert value("operation_errors_total", error_type="ValueError", **work) == 1
    assert value("operation_errors_total", error_type="KeyError", **work) == 1
    assert value("operation_cancellations_total", **work) == 1
    assert value("operation_in_progress", operation="stuck") == 1
    assert value("operation_oldest_in_progress_seconds", operation="stuck") == 5
    assert value("operation_items_total", **work) == 5
    assert value("cache_requests_total", cache="pages", result="hit") == 1
    assert value("cache_requests_total", cache="pages", result="miss") == 1
    assert value("api_calls_total", api="openai", outcome="ok") == 1
    assert value("api_calls_total", api="openai", outcome="error") == 1
    assert value("api_tokens_total", api="openai") == 10
    assert value("api_cost_dollars_total", api="openai") == 0.002
    faults = samples["vitalspan_internal_errors_total", frozenset({("where", "measure")})]
    assert faults == 1
    assert samples["vitalspan_collector_errors_total", frozenset({("collector", "Broken")})] == 1
    slo = frozenset({("slo", "available")})
    assert samples["slo_events_total", slo] == 3
    assert samples["slo_bad_events_total", slo] == 2
    assert samples["slo_objective_ratio", slo] == 0.99
    busy = {"alertname": "Busy", "severity": "warning"}
    assert (
        samples["alert_state", frozenset({**busy, "team": "shop", "component": "default"}.items())]
        == 2
    )
    assert samples["alert_transitions_total", frozenset({**busy, "state": "firing"}.items())] == 1
    sent = frozenset({("receiver", "callback"), ("result", "sent")})
    # The error budget is burning too, but three calls are too few for an alert about it.
    assert samples["alert_notifications_total", sent] == 1


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_naming_rules(family: Family) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", family.name)
    assert family.name.endswith("_total") == (family.type == "counter")
    assert family.help.endswith(".")
    assert "\n" not in family.help
    base = family.name.removesuffix("_total")
    assert family.unit == "" or base.endswith(f"_{family.unit}")
    assert not base.endswith(("_bucket", "_count", "_sum", "_created", "_gcount", "_gsum"))
    # Prometheus makes series of these names itself.
    assert not re.match(r"ALERTS|scrape_|up$|job|instance|__", family.name)


def test_openmetrics_names_are_distinct() -> None:
    bases = [name.removesuffix("_total") for name in FAMILIES]
    assert len(bases) == len(set(bases))


def colliding() -> list[str]:
    families = {family.name.removesuffix("_total") for family in names.OPERATION_FAMILIES}
    families |= {f"operation_duration_seconds_{end}" for end in ("bucket", "count", "sum")}
    return sorted(name.removeprefix("operation_") for name in families)


@pytest.mark.parametrize("measure", [*colliding(), "items_total"])
def test_reserved_measures(
    monitor: vs.Monitor, clock: vs.ManualClock, measure: str, registry: CollectorRegistry
) -> None:
    """A measure must take no name of another family, in any format."""
    with monitor.operation("f") as call:
        call.add(measure, 3)
    found = [
        family.name
        for family in rich_families(
            generate_latest(registry, format=Format.OPENMETRICS_1_0_0).decode()
        )
    ]
    assert len(found) == len(set(found))
    assert registry.get_sample_value("vitalspan_internal_errors_total", {"where": "measure"}) == 1


@pytest.mark.parametrize("measure", ["", "a-b", "9a", "__a", "ü", "a\nb", "a b", 7, None])
def test_impossible_measures_are_left_out(
    monitor: vs.Monitor, registry: CollectorRegistry, measure: str
) -> None:
    before = generate_latest(registry).decode()
    with monitor.operation("f", resources=False) as call:
        call.add(measure, 3)
    found = {family.name for family in plain_families(generate_latest(registry).decode())}
    known = {family.name for family in plain_families(before)}
    assert {name for name in found - known if not name.startswith("operation_")} == set()
    assert not [name for name in found if name.removeprefix("operation_") == measure]
    assert registry.get_sample_value("vitalspan_internal_errors_total", {"where": "measure"}) == 1


@pytest.mark.parametrize("prefix", ["9a", "a-b", "a b", "ü", "a\n", "{", 'a"'])
def test_impossible_prefixes(registry: CollectorRegistry, prefix: str) -> None:
    with pytest.raises(vs.ConfigurationError, match="metric_prefix"):
        vs.Monitor(registry=registry, metric_prefix=prefix)
    assert generate_latest(registry) == b""
