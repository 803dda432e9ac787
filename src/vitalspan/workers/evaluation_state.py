"""The state of rules, alerts and health, as the leader publishes it and others restore it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple
from hashlib import sha256
from typing import Any

from vitalspan.health.assessor import Assessor
from vitalspan.health.result import ComponentHealth, FactorHealth, Health, Snapshot, Trend
from vitalspan.rules.alert import Alert
from vitalspan.rules.alert_state import AlertState
from vitalspan.rules.alert_states import AlertInstance, AlertStates
from vitalspan.rules.engine import RuleEngine
from vitalspan.rules.expression_state import ExpressionState
from vitalspan.rules.rule_state import RuleState


def engine_document(engine: RuleEngine) -> dict[str, Any]:
    """Return the state of all rules and alerts as a document for JSON."""
    return {
        "rules": {key: rule_document(one) for key, one in by_digest(engine.rule_states()).items()},
        "evaluated": engine.evaluated(),
        "orphaned": [alert.to_dict() for alert in engine.orphaned],
        "past": [alert.to_dict() for alert in engine.past],
        "transitions": [[*key, count] for key, count in engine.transitions.items()],
        "failures": dict(engine.failures),
    }


def restore_engine(engine: RuleEngine, document: Mapping[str, Any]) -> None:
    """Restore the state of rules and alerts that another process has published.

    A rule that the other process does not have stays as it is.
    """
    published = document["rules"]
    for key, rule_state in by_digest(engine.rule_states()).items():
        rule = published.get(key)
        if rule is not None:
            restore_rule(rule_state, rule)
    engine.set_evaluated(document["evaluated"])
    engine.orphaned = [Alert(**alert) for alert in document["orphaned"]]
    engine.past = deque((Alert(**one) for one in document["past"]), maxlen=engine.past.maxlen)
    engine.transitions = Counter(
        {(name, severity, state): count for name, severity, state, count in document["transitions"]}
    )
    engine.failures = Counter(document["failures"])


def health_document(assessor: Assessor) -> dict[str, Any]:
    """Return the current health and its trend as a document for JSON."""
    latest = assessor.latest.to_dict()
    latest.pop("trend")
    return {"latest": latest, "snapshots": [[at, *astuple(one)] for at, one in assessor.snapshots]}


def restore_health(assessor: Assessor, document: Mapping[str, Any]) -> None:
    """Restore the state of an assessor that another process has published."""
    assessor.snapshots.restore((at, Snapshot(*snapshot)) for at, *snapshot in document["snapshots"])
    latest = dict(document["latest"])
    latest["factors"] = _factors(latest["factors"])
    latest["components"] = tuple(_component(one) for one in latest["components"])
    latest["reasons"] = tuple(latest["reasons"])
    trend = assessor.snapshots.trend() if latest["at"] is not None else Trend()
    assessor.latest = Health(**latest, trend=trend)


def by_digest(rule_states: Iterable[AlertStates]) -> dict[str, AlertStates]:
    """Return rules by a fingerprint that is the same in every process.

    Several rules with the same name and labels are told apart by their order.
    """
    digests: dict[str, AlertStates] = {}
    alike = Counter[str]()
    for rule_state in rule_states:
        identity = repr(rule_state.identity).encode("utf-8", "replace")
        digest = sha256(identity).hexdigest()[:16]
        digests[f"{digest}-{alike[digest]}" if alike[digest] else digest] = rule_state
        alike[digest] += 1
    return digests


def rule_document(rule_state: AlertStates) -> dict[str, Any]:
    """Return the state of a rule as a document for JSON."""
    return {
        "keys": rule_state.keys if isinstance(rule_state, RuleState) else [],
        "instances": [
            {
                "key": key,
                "texts": rule_state.texts.get(key)
                if isinstance(rule_state, ExpressionState)
                else None,
                "id": one.id,
                "states": [None if state is None else asdict(state) for state in one.states],
                "value": one.value,
                "acknowledged": one.acknowledged,
                "dates": list(one.dates.items()),
                "reported": one.reported,
            }
            for key, one in rule_state.instances.items()
        ],
    }


def restore_rule(rule_state: AlertStates, document: Mapping[str, Any]) -> None:
    """Restore the state of a rule from a document of `rule_document`."""
    if isinstance(rule_state, RuleState):
        rule_state.keys = [tuple(key) for key in document["keys"]]
    rule_state.instances = {
        tuple(one["key"]): AlertInstance(
            one["id"],
            [None if state is None else AlertState(**state) for state in one["states"]],
            one["value"],
            one["acknowledged"],
            dict(one["dates"]),
            None if one["reported"] is None else (one["reported"][0], one["reported"][1]),
        )
        for one in document["instances"]
    }
    if isinstance(rule_state, ExpressionState):
        texts = {tuple(one["key"]): one["texts"] for one in document["instances"]}
        rule_state.texts = {key: dict(text) for key, text in texts.items() if text is not None}


def _factors(documents: Iterable[Mapping[str, Any]]) -> tuple[FactorHealth, ...]:
    return tuple(FactorHealth(**{**one, "where": tuple(one["where"])}) for one in documents)


def _component(document: Mapping[str, Any]) -> ComponentHealth:
    return ComponentHealth(
        **{
            **document,
            "depends_on": tuple(document["depends_on"]),
            "factors": _factors(document["factors"]),
        }
    )
