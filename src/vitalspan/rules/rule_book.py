"""The rule book: the current rules, from rule files and from the program."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

from vitalspan.history.history import History
from vitalspan.history.series_slo_counter import Counters, SeriesSloCounter
from vitalspan.promql.matchers import match_all
from vitalspan.recording.slo_counter import SloCounter
from vitalspan.rules.added_rules import AddedRules, check
from vitalspan.rules.error_budget import SloStatus, judge_of_labels, statuses
from vitalspan.rules.file.load import (
    build_component,
    build_health,
    build_query,
    build_rule,
    build_slo,
)
from vitalspan.rules.model import CounterSelector, Rule, RuleSet, Slo
from vitalspan.rules.rule_files import RuleFiles
from vitalspan.rules.scoring import Component, Scoring
from vitalspan.runtime.fork_safe_lock import ForkSafeLock
from vitalspan.signals.query_readers import QueryReaders
from vitalspan.signals.signal import Reading


class RuleBook(RuleFiles):
    """The current rules, with methods to load, add and remove them.

    Args:
        history: the history with the calls of SLOs.
        changed: called after each change.
        lock: held while rules are evaluated or changed.

    Attributes:
        in_force: all rules and SLOs, without the groups of SLOs, and the scoring of health.
        prefix: the prefix of the monitor's metric names.
    """

    def __init__(
        self,
        history: History,
        changed: Callable[[], None],
        lock: ForkSafeLock,
    ) -> None:
        super().__init__(lock)
        self.prefix = ""
        self.in_force = RuleSet()
        self._history = history
        self._on_change = changed
        self._readers = QueryReaders(history)
        self._file_rules = RuleSet()
        self._added = AddedRules()
        self._slo_counters: dict[object, SloCounter | SeriesSloCounter] = {}

    def add(self, rule: Rule | None = None, /, **fields: Any) -> Rule:
        """Add a rule, or replace an added one with the same name.

        Args:
            rule: a complete rule.
            **fields: the fields of the rule file; `for` is spelled `for_`.

        Raises:
            ConfigurationError: for invalid fields.
        """
        if rule is None:
            rule = build_rule({name.removesuffix("_"): value for name, value in fields.items()})
        with self._lock:
            self._use(self._file_rules, self._added.with_rule(rule))
        return rule

    def add_slo(self, slo: Slo | None = None, /, **fields: Any) -> Slo:
        """Add an SLO, or replace an added one with the same name.

        Args:
            slo: a complete SLO.
            **fields: the fields of an SLO in the rule file.

        Raises:
            ConfigurationError: for invalid fields.
        """
        if slo is None:
            slo = build_slo(fields)
        with self._lock:
            self._use(self._file_rules, self._added.with_slo(slo))
        return slo

    def remove(self, name: str) -> bool:
        """Remove an added rule or SLO; return whether there was one."""
        with self._lock:
            return self._use_if_changed(self._added.without(name))

    def set_health(self, scoring: Scoring | None = None, /, **fields: Any) -> Scoring | None:
        """Set how health is scored, replacing the previous setting; components are kept.

        Args:
            scoring: the complete scoring.
            **fields: the fields of `health` in the rule file; without any, the file's are used.

        Raises:
            ConfigurationError: for invalid fields.
        """
        if scoring is None and fields:
            scoring = build_health(fields)
        with self._lock:
            self._use(self._file_rules, self._added.with_scoring(scoring))
        return scoring

    def add_component(self, name: str, **fields: Any) -> Component:
        """Declare a component, or replace the one with this name.

        Args:
            name: its `component` label.
            **fields: `weight`, `critical` and `depends_on`, as in the rule file.

        Raises:
            ConfigurationError: for invalid fields, or a cycle of components.
        """
        component = build_component(name, fields)
        with self._lock:
            self._use(self._file_rules, self._added.with_component(component))
        return component

    def remove_component(self, name: str) -> bool:
        """Remove an added component; return whether there was one."""
        with self._lock:
            return self._use_if_changed(self._added.without_component(name))

    def set_metric_prefix(self, metric_prefix: str) -> None:
        """Set the prefix of the monitor's metric names.

        Raises:
            ConfigurationError: for a factor of health that would then depend on the score.
        """
        check(self.in_force, metric_prefix)
        self.prefix = metric_prefix

    def read(self, signal: str, **fields: Any) -> Reading:
        """Return the value of a signal at the last tick, and its number of samples.

        Signals of the process or the machine are recorded from the first reading on, so the first
        one has no data.

        Args:
            signal: the name of the signal.
            **fields: `where`, `window`, `measure` and so on, as in a rule.

        Raises:
            ConfigurationError: for an unknown signal, or fields that do not fit it.
        """
        query = build_query({"signal": signal, **fields})
        with self._lock:
            return self._readers.read(query)

    def slos(self) -> list[SloStatus]:
        """Return the status of all SLOs: what is left of their error budgets, and for how long."""
        with self._lock:
            now = self._history.ticks.times[-1]
            return [
                status for slo in self.in_force.slos for status in statuses(slo, self._history, now)
            ]

    def follow_readings(self, now: float) -> None:
        """Record at a tick what the program has read, in seconds on the steady clock."""
        self._readers.follow(now)

    def forget_readings(self) -> None:
        """Drop the recorded readings of the program."""
        self._readers.forget()
        self.abandon_reading()

    def _use_file(self, rules: RuleSet) -> None:
        self._use(rules, self._added)

    def _use_if_changed(self, added: AddedRules) -> bool:
        changed = added != self._added
        if changed:
            self._use(self._file_rules, added)
        return changed

    def _use(self, file_rules: RuleSet, added: AddedRules) -> None:
        in_force = added.merged_with(file_rules)
        check(in_force, self.prefix)
        self._file_rules, self._added, self.in_force = file_rules, added, in_force
        self._count_slos(in_force.slos)
        self._on_change()

    def _count_slos(self, slos: tuple[Slo, ...]) -> None:
        # An SLO keeps its counts unless its events or its limit have changed.
        counters: dict[object, SloCounter | SeriesSloCounter] = {}
        by_name: dict[str, SloCounter | SeriesSloCounter] = {}
        for slo in slos:
            key = (slo.name, slo.where, slo.under, slo.good, slo.bad, slo.by, slo.counted)
            counter = self._slo_counters.get(key) or _counter_of(slo, repr(key))
            counter.objective = slo.objective
            counters[key] = by_name[slo.name] = counter
        self._slo_counters = counters
        self._history.count_slos(by_name)


def _counter_of(slo: Slo, definition: str) -> SloCounter | SeriesSloCounter:
    """Return the counter for the events of an SLO."""
    selects, counted = partial(match_all, slo.where), slo.counted
    digest = hashlib.sha256(definition.encode("utf-8", "replace")).hexdigest()[:16]
    if counted is None:
        judge = judge_of_labels(slo)
        return SloCounter(selects, slo.objective, slo.under, judge, slo.by, definition=digest)

    def counters(selector: CounterSelector) -> Counters:
        return Counters(selector.series, partial(match_all, (*slo.where, *selector.where)))

    return SeriesSloCounter(
        counters(counted.total),
        counters(counted.judged),
        slo.objective,
        judged_are_good=counted.judged_are_good,
        by=slo.by,
        definition=digest,
    )
