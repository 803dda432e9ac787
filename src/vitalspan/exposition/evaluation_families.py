"""The metric families of rules, SLOs, receivers, actions, ticks and stores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from vitalspan import metrics as names
from vitalspan.exposition.families import MetricFamily, ScalarFamily, SummaryFamily
from vitalspan.exposition.points import LabelSet, SummaryPoint
from vitalspan.labels import Labels
from vitalspan.recording.counts import SloCounts
from vitalspan.rules.alert_states import AlertStates
from vitalspan.rules.engine import RuleEngine
from vitalspan.rules.error_budget import SloStatus

if TYPE_CHECKING:
    from vitalspan.notify.delivery import ReceiverStatus
    from vitalspan.store.store_status import StoreStatus


def rule_families(
    engine: RuleEngine, without_series: Collection[AlertStates] = ()
) -> Iterator[MetricFamily]:
    """Yield the families of rules and alerts.

    Args:
        engine: the engine that evaluates the rules.
        without_series: the rules whose series have never existed.
    """
    states: dict[Labels, int] = {}
    for rule_state in engine.rule_states():
        for labels, phase in rule_state.phases():
            key = tuple(sorted(labels.items()))
            # Two rules may result in the same labels; the worse state wins.
            states[key] = max(states.get(key, 0), names.ALERT_STATES[phase])
    yield ScalarFamily.of(names.ALERT_STATE, states.items())
    # Start at zero: Prometheus would miss the first event of a counter that starts at 1.
    transitions = dict.fromkeys(_possible_transitions(engine), 0) | engine.transitions
    keys = ("alertname", "severity", "state")
    yield ScalarFamily.of(
        names.ALERT_TRANSITIONS,
        (
            (tuple(zip(keys, values, strict=True)), count)
            for values, count in sorted(transitions.items())
        ),
    )
    alerts = sorted({rule_state.alert for rule_state in engine.rule_states()})
    silent = {rule_state.alert for rule_state in without_series}
    yield ScalarFamily.by_label(
        names.RULE_WITHOUT_SERIES, "alertname", {alert: int(alert in silent) for alert in alerts}
    )
    failures = dict.fromkeys(alerts, 0) | engine.failures
    yield ScalarFamily.by_label(names.RULE_FAILURES, "alertname", failures)


def _possible_transitions(engine: RuleEngine) -> Iterator[tuple[str, str, str]]:
    """Yield the alert, severity and new state of every possible transition."""
    for rule_state in engine.rule_states():
        waiting = ("pending", "inactive") if rule_state.is_delayed else ()
        for severity in rule_state.severities:
            for state in (*waiting, "firing", "resolved"):
                yield rule_state.alert, severity, state


def slo_families(
    statuses: Iterable[SloStatus], counts: Iterable[SloCounts], objectives: Mapping[str, float]
) -> Iterator[MetricFamily]:
    """Yield the families of SLOs.

    Args:
        statuses: the current status of each SLO.
        counts: all events so far, and the bad ones among them.
        objectives: the target ratio of good events, by SLO.
    """
    counted = [((("slo", slo.name), *slo.labels.items()), slo) for slo in counts]
    yield ScalarFamily.of(names.SLO_EVENTS, ((labels, one.events) for labels, one in counted))
    yield ScalarFamily.of(names.SLO_BAD_EVENTS, ((labels, one.bad) for labels, one in counted))
    yield ScalarFamily.by_label(names.SLO_OBJECTIVE, "slo", objectives)
    yield ScalarFamily.of(
        names.SLO_BUDGET,
        (((("slo", slo.name), *slo.labels.items()), slo.budget_remaining) for slo in statuses),
    )


def receiver_families(
    receivers: Iterable[ReceiverStatus], actions: Mapping[str, int]
) -> Iterator[MetricFamily]:
    """Yield the families of alert receivers and of actions.

    Args:
        receivers: the receivers.
        actions: the number of actions that alerts have triggered, by result.
    """
    all_receivers = list(receivers)
    yield ScalarFamily.of(
        names.ALERT_NOTIFICATIONS,
        (
            ((("receiver", receiver.name), ("result", result)), count)
            for receiver in all_receivers
            for result, count in sorted(receiver.results.items())
        ),
    )
    circuits = {one.name: names.CIRCUIT_STATES[one.circuit] for one in all_receivers}
    yield ScalarFamily.by_label(names.RECEIVER_CIRCUIT, "receiver", circuits)
    yield ScalarFamily.by_label(names.ALERT_ACTIONS, "result", actions)


def tick_families(ticks: int, seconds: float, *, reload_failed: bool) -> Iterator[MetricFamily]:
    """Yield the families of the evaluation loop.

    Args:
        ticks: the number of ticks.
        seconds: their total duration.
        reload_failed: whether the rule file has a mistake, so that older rules stay in force.
    """
    yield ScalarFamily.single(names.RULES_RELOAD_FAILED, int(reload_failed))
    yield SummaryFamily(names.TICK, [SummaryPoint(LabelSet(), ticks, seconds)])


def store_families(status: StoreStatus) -> Iterator[MetricFamily]:
    """Yield the families of a store.

    Args:
        status: the status of the store.
    """
    yield ScalarFamily.by_label(names.STORE_WRITES, "result", status.writes)
    yield ScalarFamily.single(names.STORE_UNWRITTEN, status.unwritten)
    yield ScalarFamily.single(names.STORE_DROPPED, status.dropped)
    if status.size is not None:
        yield ScalarFamily.single(names.STORE_SIZE, status.size)
    written = status.writes.get("written", 0)
    yield SummaryFamily(
        names.STORE_WRITE_SECONDS, [SummaryPoint(LabelSet(), written, status.seconds)]
    )
