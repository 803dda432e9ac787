"""Alerts in a store, and how they continue after a restart, as in Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from vitalspan.rules.alert import Alert
from vitalspan.rules.alert_state import AlertState
from vitalspan.rules.alert_states import AlertStates
from vitalspan.rules.engine import RuleEngine
from vitalspan.rules.expression_state import ExpressionState
from vitalspan.rules.rule_state import RuleState
from vitalspan.workers.evaluation_state import by_digest, restore_rule, rule_document

OUTAGE_TOLERANCE: Final = 3600.0
"""Seconds without the process after which its alerts start over.

Prometheus' `--rules.alert.for-outage-tolerance`.
"""

GRACE: Final = 600.0
"""The minimum number of seconds that a restored pending alert waits before it fires; alerts whose
`for` is shorter start over. Prometheus' `--rules.alert.for-grace-period`."""

_TIMES: Final = ("active_at", "fired_at", "resolved_at", "missing_since")


class Restart(NamedTuple):
    """The time between the last write of an earlier process and now.

    Attributes:
        down_at: the time of the last write, on this process' steady clock.
        now: the current time, on the same clock.
        shift: the offset to add to times on the earlier process' steady clock.
    """

    down_at: float
    now: float
    shift: float


def alerts_document(engine: RuleEngine, epoch: float) -> dict[str, Any]:
    """Return the active alerts of an engine as a document for JSON.

    Args:
        engine: the engine that evaluates the rules.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    digests = by_digest(engine.rule_states())
    rules = {key: rule_document(one) for key, one in digests.items() if one.instances}
    if not rules and not engine.orphaned:
        return {}
    orphaned = [alert.to_dict() for alert in engine.orphaned]
    return {"epoch": round(epoch, 3), "rules": rules, "orphaned": orphaned}


def restore_alerts(
    engine: RuleEngine, document: Mapping[str, Any], down_wall: float, now: float, epoch: float
) -> None:
    """Continue the alerts of an earlier process.

    Args:
        engine: the engine that evaluates the rules, none of which has been evaluated yet.
        document: the document from `alerts_document`.
        down_wall: when the earlier process wrote last, in seconds since the Unix epoch.
        now: the current time, on the steady clock.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    restart = Restart(down_wall - epoch, now, document.get("epoch", epoch) - epoch)
    if not document or not 0 <= now - restart.down_at <= OUTAGE_TOLERANCE:
        return
    stored = document["rules"]
    for key, rule_state in by_digest(engine.rule_states()).items():
        rule = stored.get(key)
        if rule is not None:
            restore_rule(rule_state, _shifted(rule, restart.shift))
            _go_on(rule_state, restart)
    engine.orphaned = [Alert(**alert) for alert in document["orphaned"]]


def restored_state(
    state: AlertState | None, for_seconds: float, restart: Restart
) -> AlertState | None:
    """Return the state of an alert after a restart, like `RestoreForState` of Prometheus.

    A firing alert keeps firing while its condition holds. A pending one has waited as long as
    before, and waits for at least ten more minutes; the time without the process does not count.

    Args:
        state: the state before the restart.
        for_seconds: how long the condition holds before the alert fires.
        restart: the times of the restart.
    """
    if state is None or state.phase != "pending":
        return state
    if for_seconds < GRACE:
        return None
    remaining = for_seconds - (restart.down_at - state.active_at)
    if remaining <= 0:
        return state
    if remaining < GRACE:
        return replace(state, active_at=restart.now + GRACE - for_seconds)
    return replace(state, active_at=state.active_at + restart.now - restart.down_at)


def _go_on(rule_state: AlertStates, restart: Restart) -> None:
    for_seconds = 0.0
    if isinstance(rule_state, (RuleState, ExpressionState)):
        for_seconds = rule_state.rule.for_seconds
    for key, instance in list(rule_state.instances.items()):
        instance.states = [restored_state(state, for_seconds, restart) for state in instance.states]
        instance.reported = instance.dominant_level()
        if instance.reported is None:
            del rule_state.instances[key]
    if isinstance(rule_state, ExpressionState):
        rule_state.keep_missing(restart.now)


def _shifted(rule: Mapping[str, Any], shift: float) -> dict[str, Any]:
    """Return the document of a rule with its times on this process' steady clock."""
    instances = [
        {
            **one,
            "states": [_shifted_state(state, shift) for state in one["states"]],
            "dates": [[moment + shift, date] for moment, date in one["dates"]],
        }
        for one in rule["instances"]
    ]
    return {**rule, "instances": instances}


def _shifted_state(state: Mapping[str, Any] | None, shift: float) -> dict[str, Any] | None:
    if state is None:
        return None
    times = {name: state[name] + shift for name in _TIMES if state[name] is not None}
    return {**state, **times}


def alerts_since(past: Iterable[Alert], last: Alert | None) -> list[Alert]:
    """Return the past alerts after a given one, the latest last.

    Args:
        past: alerts, the latest last.
        last: the given alert; None returns all.
    """
    fresh: list[Alert] = []
    for alert in reversed(list(past)):
        if alert is last:
            break
        fresh.append(alert)
    return fresh[::-1]
