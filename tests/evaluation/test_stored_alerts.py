"""Restored alerts, against the rules by which Prometheus restores them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.evaluation.stored_alerts import GRACE, Restart, restored_state
from vitalspan.rules.alert_state import AlertState, next_state

restarts = st.builds(
    lambda down_at, outage: Restart(down_at, down_at + outage, 0.0),
    st.integers(1000, 100_000),
    st.integers(0, 3600),
)


def fires_at(state: AlertState, for_seconds: float) -> float:
    return state.active_at + for_seconds


@given(restarts, st.integers(0, 5000), st.integers(int(GRACE), 7200))
def test_the_time_without_the_process_does_not_count(restart, waited, for_seconds):
    pending = AlertState("pending", restart.down_at - waited)
    restored = restored_state(pending, for_seconds, restart)
    remaining = for_seconds - waited
    left = fires_at(restored, for_seconds) - restart.now
    if remaining <= 0:
        assert restored == pending
    elif remaining < GRACE:
        assert left == pytest.approx(GRACE)
    else:
        assert left == pytest.approx(remaining)
    fired = next_state(restored, holds=True, now=restart.now, for_seconds=for_seconds)
    assert (fired.phase == "firing") == (remaining <= 0)


@given(restarts, st.floats(0, 500), st.floats(0, GRACE, exclude_max=True))
def test_a_short_wait_begins_anew(restart, waited, for_seconds):
    pending = AlertState("pending", restart.down_at - waited)
    assert restored_state(pending, for_seconds, restart) is None


@given(restarts, st.sampled_from(["firing", "inactive"]), st.floats(0, 7200))
def test_what_has_fired_stays(restart, phase, for_seconds):
    state = AlertState(phase, restart.down_at - 1000, restart.down_at - 500)
    assert restored_state(state, for_seconds, restart) is state
    assert restored_state(None, for_seconds, restart) is None
