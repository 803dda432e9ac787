"""The state machine of an alert, like that of Prometheus. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

Phase = Literal["pending", "firing", "inactive"]

RESOLVED_RETENTION: Final = 900.0
"""Seconds that a resolved alert is kept, so that its end can be sent again."""


@dataclass(frozen=True)
class AlertState:
    """The state of an alert. All times are seconds on the same clock, which may be any.

    Attributes:
        phase: pending, firing, or inactive after it fired.
        active_at: when the condition started to hold.
        fired_at: when it started firing.
        resolved_at: when it became inactive.
        missing_since: since when the condition has not held, while the alert keeps firing.
    """

    phase: Phase
    active_at: float
    fired_at: float | None = None
    resolved_at: float | None = None
    missing_since: float | None = None


def next_state(
    state: AlertState | None,
    *,
    holds: bool,
    now: float,
    for_seconds: float = 0.0,
    keep_firing_for: float = 0.0,
) -> AlertState | None:
    """Return the next state of an alert; None means that there is no alert.

    As in Prometheus' `AlertingRule.Eval`: a condition that holds makes an alert pending, and firing
    once it is `for_seconds` old; when it ends, a pending alert ends at once, and a firing one
    `keep_firing_for` later.

    Args:
        state: the current state.
        holds: whether the condition holds now.
        now: the time of this evaluation.
        for_seconds: how long the condition has to hold before the alert fires.
        keep_firing_for: how long an alert keeps firing without its condition.
    """
    if holds:
        if state is None or state.phase == "inactive":
            state = AlertState("pending", now)
        elif state.missing_since is not None:
            state = replace(state, missing_since=None)
    elif state is None:
        return None
    elif state.phase == "firing" and keep_firing_for > 0:
        since = now if state.missing_since is None else state.missing_since
        if now - since < keep_firing_for:
            return state if state.missing_since is not None else replace(state, missing_since=now)
        return replace(state, phase="inactive", resolved_at=now, missing_since=None)
    else:
        return _ended(state, now)
    if state.phase == "pending" and now - state.active_at >= for_seconds:
        return replace(state, phase="firing", fired_at=now)
    return state


def _ended(state: AlertState, now: float) -> AlertState | None:
    if state.phase == "pending":
        return None
    if state.phase == "firing":
        return replace(state, phase="inactive", resolved_at=now)
    resolved = state.resolved_at
    return None if resolved is not None and now - resolved > RESOLVED_RETENTION else state
