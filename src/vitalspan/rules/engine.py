"""All rules of a monitor, evaluated tick by tick."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from vitalspan.history.history import History
from vitalspan.names import OPERATION
from vitalspan.record.faults import logger
from vitalspan.record.labels import Labels
from vitalspan.rules.alert import Alert, State
from vitalspan.rules.model import Group, Rule
from vitalspan.rules.run import Instance, Run, TooManyAlertsError
from vitalspan.rules.state import RESOLVED_RETENTION
from vitalspan.rules.templates import fill
from vitalspan.signals.bound import Key
from vitalspan.signals.catalogue import signal_of, unit_of
from vitalspan.signals.health import ALERT_POINTS, SAME_MATTER, is_made_of_scores
from vitalspan.signals.units import duration_text, value_text

_SLACK: Final = 1e-3
"""Seconds that a tick may come early and still count for a group's interval."""

_ONE_OPERATION: Final = (OPERATION, "=")

_MOST_LOGGED: Final = 100

_STATES: Final[Mapping[str, State]] = {
    "pending": "pending",
    "firing": "firing",
    "inactive": "resolved",
}


@dataclass
class _Evaluated:
    """A group that runs, and when it did last."""

    group: Group
    runs: list[Run]
    last: float = float("-inf")


def _nothing() -> None:
    return None


def _is_due(each: _Evaluated, now: float) -> bool:
    interval = each.group.interval
    return interval is None or now - each.last >= interval - _SLACK


class Engine:
    """Evaluates rules on a history.

    Args:
        history: what they are about.
        epoch: returns the difference between the time of day and the steady clock, in seconds.
        kept: alerts that are remembered after their end.
    """

    def __init__(self, history: History, epoch: Callable[[], float], kept: int) -> None:
        self.history = history
        self.transitions: Counter[tuple[str, str, str]] = Counter()
        self.failures: Counter[str] = Counter()
        self.past: deque[Alert] = deque(maxlen=kept)
        self.silenced: Callable[[Alert, float], float] = _told
        self._epoch = epoch
        self._groups: list[_Evaluated] = []
        self._departed: list[Alert] = []
        self._logged: set[str] = set()
        self._prefix = ""
        self._made_of_scores: set[Run] = set()

    def replace(self, groups: Iterable[Group], now: float) -> None:
        """Let other rules be in force.

        Alerts go on whose rule keeps its name, labels and severities, as in Prometheus.

        Args:
            groups: all that are in force from now on.
            now: the time, on the steady clock.
        """
        before = {(each.group.name, run.rule): run for each in self._groups for run in each.runs}
        times = {each.group.name: each.last for each in self._groups}
        after, new = [], []
        for group in groups:
            runs = []
            for rule in group.rules:
                run = before.pop((group.name, rule), None)
                if run is None:
                    run = Run(rule, group.name, group.limit, self.history)
                    new.append(run)
                run.limit = group.limit
                runs.append(run)
            after.append(_Evaluated(group, runs, times.get(group.name, float("-inf"))))
        gone = {run.identity: run for run in before.values()}
        for run in new:
            changed = gone.pop(run.identity, None)
            if changed is not None:
                run.take_over(changed)
        for run in gone.values():
            run.end(now, self._changed)
            self._departed += self._alerts_of(run, now)
        self._groups = after
        self._find_made_of_scores()
        self._forget_names({run.rule.alert for run in self.runs()})

    def _forget_names(self, kept: set[str]) -> None:
        for key in [key for key in self.transitions if key[0] not in kept]:
            del self.transitions[key]
        for name in [name for name in self.failures if name not in kept]:
            del self.failures[name]

    def evaluate(self, now: float, then: Callable[[], None] = _nothing) -> None:
        """Bring every alert of the groups that are due up to date.

        Args:
            now: the tick, on the steady clock; the history has been told of it.
            then: is called before the rules that are made of scores.
        """
        due = [each for each in self._groups if _is_due(each, now)]
        for each in due:
            each.last = now
        runs = [run for each in due for run in each.runs]
        self._evaluate([run for run in runs if run not in self._made_of_scores], now)
        then()
        self._evaluate([run for run in runs if run in self._made_of_scores], now)

    def _evaluate(self, runs: Iterable[Run], now: float) -> None:
        for run in runs:
            try:
                run.evaluate(now, self._changed)
            except Exception as fault:  # noqa: BLE001, PERF203 - the other rules go on
                self._failed(run, fault)

    def alert_points(self) -> list[tuple[Mapping[str, str], float]]:
        """Return the labels of every alert that could be, and what it counts if it fires now.

        Of alerts that differ in severity or window alone the worst counts. Alerts that are made of
        scores are left out: a score must not feed on itself.
        """
        points: dict[Labels, float] = {}
        for run in self.runs():
            if run in self._made_of_scores:
                continue
            for labels, phase in run.phases():
                key = tuple(sorted(one for one in labels.items() if one[0] not in SAME_MATTER))
                counts = ALERT_POINTS[labels["severity"]] if phase == "firing" else 0
                points[key] = max(points.get(key, 0), counts)
        return [(dict(key), counts) for key, counts in points.items()]

    def prefix(self, metric_prefix: str) -> None:
        """Take note of what is before the names of the monitor's metrics."""
        self._prefix = metric_prefix
        self._find_made_of_scores()

    def _find_made_of_scores(self) -> None:
        self._made_of_scores = {
            run for run in self.runs() if is_made_of_scores(run.rule.query, self._prefix)
        }

    def alerts(self, now: float) -> list[Alert]:
        """Return every alert that is pending, firing, or resolved not long ago."""
        limit = now + self._epoch() - RESOLVED_RETENTION
        self._departed = [one for one in self._departed if (one.resolved_at or 0) >= limit]
        found = [alert for run in self.runs() for alert in self._alerts_of(run, now)]
        return [*found, *(self._with_silence(one, now) for one in self._departed)]

    def remember(self, kept: int) -> None:
        """Keep so many past alerts from now on, the latest."""
        self.past = deque(self.past, maxlen=kept)

    def runs(self) -> list[Run]:
        """Return every rule that runs, in the order of its definition."""
        return [run for each in self._groups for run in each.runs]

    def clear(self) -> None:
        """Forget every alert and the past ones. Conditions that still hold begin anew."""
        for run in self.runs():
            run.instances.clear()
        self._departed.clear()
        self.past.clear()

    def reset(self) -> None:
        """Begin anew from zero."""
        self.clear()
        self.transitions.clear()
        self.failures.clear()
        for each in self._groups:
            each.last = float("-inf")
            for run in each.runs:
                run.reset()

    def _alerts_of(self, run: Run, now: float) -> list[Alert]:
        shown = [self._shown(run, key, one, now) for key, one in list(run.instances.items())]
        return [alert for alert in shown if alert is not None]

    def _shown(self, run: Run, key: Key, instance: Instance, now: float) -> Alert | None:
        counts = instance.now_shown()
        if counts is None:
            return None
        level, phase = counts
        epoch, rule = self._epoch(), run.rule
        states = [state for state in instance.states if state is not None and state.phase == phase]
        fired = [state.fired_at for state in states if state.fired_at is not None]
        resolved = instance.states[level]
        labels = run.labels(key, level)
        alert = Alert(
            id=instance.id,
            alertname=rule.alert,
            type=rule.query.series or rule.query.signal,
            operation=labels.get("operation") or _asked_for(rule),
            severity=rule.levels[level].severity,
            state=_STATES[phase],
            labels=labels,
            annotations=filled(rule, instance.value, labels),
            message=message(rule, level, instance.value, labels, self.history.covered()),
            value=instance.value,
            threshold=rule.levels[level].threshold,
            active_at=instance.date(min(state.active_at for state in states), epoch),
            fired_at=instance.date(min(fired), epoch) if fired else None,
            resolved_at=None
            if resolved is None or resolved.resolved_at is None
            else instance.date(resolved.resolved_at, epoch),
            acknowledged=instance.acknowledged,
        )
        return self._with_silence(alert, now)

    def _with_silence(self, alert: Alert, now: float) -> Alert:
        until = self.silenced(alert, now + self._epoch())
        return replace(alert, silenced_until=until) if until != alert.silenced_until else alert

    def _changed(self, run: Run, key: Key, instance: Instance) -> None:
        counts, before = instance.now_shown(), instance.shown
        level, phase = counts or before or (0, "inactive")
        severity = run.rule.levels[level].severity
        if counts is None:
            if before is not None and before[1] == "pending":
                self.transitions[run.rule.alert, severity, "inactive"] += 1
            return
        self.transitions[run.rule.alert, severity, _STATES[phase]] += 1
        if phase != "pending":
            alert = self._shown(run, key, instance, self.history.ticks.times[-1])
            if alert is not None:
                self.past.append(alert)

    def _failed(self, run: Run, fault: Exception) -> None:
        self.failures[run.rule.alert] += 1
        text = f"rule {run.rule.alert} of group {run.group} failed: {fault}"
        if text not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add(text)
            known = isinstance(fault, TooManyAlertsError)
            logger.warning("%s", text, exc_info=None if known else fault)


def _asked_for(rule: Rule) -> str | None:
    found = [one.value for one in rule.query.where if (one.label, one.operator) == _ONE_OPERATION]
    return found[0] if found else None


def _told(_: Alert, __: float) -> float:
    return 0.0


def filled(rule: Rule, value: float | None, labels: Mapping[str, str]) -> dict[str, str]:
    """Return a rule's annotations for an alert."""
    return {name: fill(text, value, labels) for name, text in rule.annotations}


def message(
    rule: Rule, level: int, value: float | None, labels: Mapping[str, str], covered: float
) -> str:
    """Return what is the matter, in one sentence.

    Args:
        rule: whose alert it is.
        level: the one that counts.
        value: of the signal, None without data.
        labels: of the alert.
        covered: seconds that there is history of.
    """
    query, unit = rule.query, unit_of(rule.query)
    what = signal_of(query).name
    if query.derive is not None:
        what = f"{query.derive.kind} of {what}"
    about = [labels[name] for name in query.by if labels.get(name)]
    about = about or [one.value for one in query.where if one.operator in ("=", "=~")]
    about = about or [query.slo or ""]
    of = f" of {', '.join(about)}" if about[0] else ""
    if value is None:
        return f"{what}{of} has no data"
    threshold = rule.levels[level].threshold
    beyond = value > threshold if rule.above else value < threshold
    side = ("" if beyond else "was ") + ("above" if rule.above else "below")
    short = covered < query.window and not signal_of(query).instant
    since = f" ({duration_text(covered)} of history)" if short else ""
    return f"{what}{of} is {value_text(value, unit)}, {side} {value_text(threshold, unit)}{since}"
