"""The presets: the thresholds of the monitors that vitalspan replaces."""

from __future__ import annotations

import pytest

from vitalspan.errors import ConfigurationError
from vitalspan.rules import presets
from vitalspan.rules.annotation_templates import labels_of
from vitalspan.rules.file.load import build, load_preset
from vitalspan.rules.model import SEVERITIES, Rule

NAMES = ("benchmarks", "health", "jobs", "pipeline", "studio", "wiki")


def rules(name: str) -> dict[str, Rule]:
    (group,) = load_preset(name).groups
    assert group.name == name
    return {rule.alert: rule for rule in group.rules}


def thresholds(rule: Rule) -> tuple[str, bool, dict[str, float]]:
    asked = rule.query.signal if rule.query.derive is None else rule.query.derive.kind
    return asked, rule.above, {level.severity: level.threshold for level in rule.levels}


def test_there_are_six() -> None:
    assert presets.names() == NAMES


def test_the_studio() -> None:
    first = {
        name: (asked, above, next(iter(levels.items())))
        for name, (asked, above, levels) in (
            (name, thresholds(rule)) for name, rule in rules("studio").items()
        )
    }
    assert first == {
        "SlowOperation": ("latency_p99", True, ("warning", 5.0)),
        "HighErrorRate": ("error_ratio", True, ("warning", 0.1)),
        "OperationErrors": ("error_ratio", True, ("info", 0.0)),
        "HighMemory": ("memory_rss", True, ("warning", 500e6)),
        "ManyApiCalls": ("api_rate", True, ("warning", 100 / 60)),
        "CachePerformance": ("cache_hit_ratio", False, ("warning", 0.5)),
    }


def test_the_seven_benchmarks() -> None:
    found = {name: thresholds(rule) for name, rule in rules("benchmarks").items()}
    assert {name: levels for name, (_, _, levels) in found.items()} == {
        "ApiResponseTime": {"info": 0.2, "warning": 0.5, "critical": 1.0},
        "TaskExecutionTime": {"info": 60.0, "warning": 300.0, "critical": 600.0},
        "MemoryUtilization": {"info": 0.7, "warning": 0.8, "critical": 0.9},
        "CpuUtilization": {"info": 0.7, "warning": 0.8, "critical": 0.9},
        "ErrorRate": {"info": 0.01, "warning": 0.05, "critical": 0.1},
        "AgentSpawnTime": {"info": 10.0, "warning": 15.0, "critical": 30.0},
        "ContextRetrievalTime": {"info": 0.05, "warning": 0.1, "critical": 0.5},
    }
    assert all(above for _, above, _ in found.values())


def test_the_wiki() -> None:
    assert {name: thresholds(rule) for name, rule in rules("wiki").items()} == {
        "SlowOperation": ("latency_p95", True, {"warning": 5.0, "error": 15.0}),
        "LowSuccessRate": ("error_ratio", True, {"warning": 0.1, "error": 0.3}),
        "OperationTakesMemory": ("call_memory_growth", True, {"warning": 1e9}),
        "HighCpu": ("cpu_utilization", True, {"warning": 0.8}),
        "HighMemory": ("memory_utilization", True, {"warning": 0.8}),
    }


def test_the_pipeline() -> None:
    assert {name: thresholds(rule) for name, rule in rules("pipeline").items()} == {
        "Degradation": ("change", True, {"warning": 0.05, "error": 0.15, "critical": 0.3}),
        "SlowOperation": ("latency_p95", True, {"warning": 30.0}),
        "HighErrorRate": ("error_ratio", True, {"warning": 0.05, "error": 0.15}),
        "ColdCache": ("cache_hit_ratio", False, {"warning": 0.7}),
        "HighMemory": ("memory_rss", True, {"warning": 2e9}),
    }


def test_health() -> None:
    assert {name: thresholds(rule) for name, rule in rules("health").items()} == {
        "HealthScoreLow": ("health_score", False, {"warning": 60.0, "critical": 40.0}),
        "ComponentUnhealthy": (
            "component_health_score",
            False,
            {"warning": 60.0, "critical": 40.0},
        ),
        "HealthTelemetryAbsent": ("health_absent", True, {"warning": 0.0}),
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_rule_says_what_is_the_matter(name: str) -> None:
    for rule in rules(name).values():
        annotations = dict(rule.annotations)
        assert annotations.keys() == {"summary", "description"}
        assert dict(rule.labels) == {"preset": name}
        assert {label for text in annotations.values() for label in labels_of(text)} <= {
            *rule.query.by
        }
        assert [level.severity for level in rule.levels] == [
            severity for severity in SEVERITIES if severity in {x.severity for x in rule.levels}
        ]


def test_all_of_them_go_together() -> None:
    made = build({"presets": list(NAMES)})
    assert [group.name for group in made.groups] == list(NAMES)


@pytest.mark.parametrize("take", [load_preset, presets.text])
def test_an_unknown_one(take: object) -> None:
    with pytest.raises(ConfigurationError, match="there is no preset 'x': there are benchmarks, h"):
        take("x")  # type: ignore[operator]
