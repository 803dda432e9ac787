"""The state machine of alerts against the one of Prometheus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.promtool import promtool
from vitalspan.rules.alert_state import RESOLVED_RETENTION, AlertState, next_state

STEP = 60.0
STEPS = 25
FOR = (0, 60, 120, 300)
KEEP = (0, 60, 180)

# 1 is beyond the threshold, 0 is not, None is no sample at all.
sequences = st.lists(
    st.lists(st.sampled_from([1, 1, 0, None]), min_size=STEPS, max_size=STEPS),
    min_size=20,
    max_size=20,
)


def phases(sequence: list[int | None], for_seconds: float, keep: float) -> list[str | None]:
    state: AlertState | None = None
    seen = []
    for index, value in enumerate(sequence):
        state = next_state(
            state,
            holds=value == 1,
            now=index * STEP,
            for_seconds=for_seconds,
            keep_firing_for=keep,
        )
        seen.append(state.phase if state is not None and state.phase != "inactive" else None)
    return seen


def rule(for_seconds: int, keep: int) -> dict[str, Any]:
    return {
        "alert": f"A{for_seconds}_{keep}",
        "expr": "m > 0",
        "for": f"{for_seconds}s",
        "keep_firing_for": f"{keep}s",
    }


@settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(sequences)
def test_the_states_are_those_of_prometheus(tmp_path: Path, cases: list[list[int | None]]) -> None:
    pairs = [(for_seconds, keep) for for_seconds in FOR for keep in KEEP]
    groups = [{"name": "g", "interval": "1m", "rules": [rule(*pair) for pair in pairs]}]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": groups}))
    expected: list[list[dict[str, Any]]] = [[] for _ in range(STEPS)]
    for number, sequence in enumerate(cases):
        for for_seconds, keep in pairs:
            for index, phase in enumerate(phases(sequence, for_seconds, keep)):
                if phase is not None:
                    name = f"A{for_seconds}_{keep}"
                    labels = f'alertname="{name}", alertstate="{phase}", case="{number}"'
                    expected[index].append({"labels": f"ALERTS{{{labels}}}", "value": 1})
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {
                        "series": f'm{{case="{number}"}}',
                        "values": " ".join("stale" if one is None else str(one) for one in case),
                    }
                    for number, case in enumerate(cases)
                ],
                "promql_expr_test": [
                    {"expr": "ALERTS", "eval_time": f"{index}m", "exp_samples": samples}
                    for index, samples in enumerate(expected)
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(test))
    assert promtool("test", "rules", tmp_path / "test.yml") == ""


def test_pending_that_misses_is_gone() -> None:
    state = next_state(None, holds=True, now=10.0, for_seconds=60)
    assert state == AlertState("pending", active_at=10.0)
    assert next_state(state, holds=False, now=20.0, for_seconds=60) is None


def test_firing_begins_when_the_age_reaches_for() -> None:
    state = next_state(None, holds=True, now=0.0, for_seconds=60)
    state = next_state(state, holds=True, now=59.9, for_seconds=60)
    assert state is not None
    assert state.phase == "pending"
    state = next_state(state, holds=True, now=60.0, for_seconds=60)
    assert state == AlertState("firing", active_at=0.0, fired_at=60.0)


def test_without_for_it_fires_at_once() -> None:
    assert next_state(None, holds=True, now=5.0) == AlertState(
        "firing", active_at=5.0, fired_at=5.0
    )


def test_keep_firing_for_counts_from_the_first_miss() -> None:
    state = next_state(None, holds=True, now=0.0)
    state = next_state(state, holds=False, now=10.0, keep_firing_for=30)
    assert state is not None
    assert (state.phase, state.missing_since) == ("firing", 10.0)
    state = next_state(state, holds=True, now=20.0, keep_firing_for=30)
    assert state is not None
    assert state.missing_since is None
    state = next_state(state, holds=False, now=30.0, keep_firing_for=30)
    state = next_state(state, holds=False, now=59.0, keep_firing_for=30)
    assert state is not None
    assert state.phase == "firing"
    state = next_state(state, holds=False, now=60.0, keep_firing_for=30)
    assert state is not None
    assert (state.phase, state.resolved_at, state.missing_since) == ("inactive", 60.0, None)


def test_a_resolved_alert_is_kept_for_fifteen_minutes() -> None:
    state = next_state(next_state(None, holds=True, now=0.0), holds=False, now=1.0)
    assert next_state(state, holds=False, now=1.0 + RESOLVED_RETENTION) == state
    assert next_state(state, holds=False, now=1.1 + RESOLVED_RETENTION) is None


@pytest.mark.parametrize("now", [2.0, 1000.0])
def test_a_resolved_alert_begins_anew(now: float) -> None:
    state = next_state(next_state(None, holds=True, now=0.0), holds=False, now=1.0)
    assert next_state(state, holds=True, now=now, for_seconds=5) == AlertState("pending", now)
