"""The evaluation of a monitor: its loop, and access to its results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vitalspan.errors import VitalspanError
from vitalspan.evaluation.loop import EvaluationLoop
from vitalspan.exposition.evaluation_families import (
    receiver_families,
    rule_families,
    slo_families,
    store_families,
    tick_families,
)
from vitalspan.exposition.families import MetricFamily
from vitalspan.exposition.health_families import health_families
from vitalspan.history.history import History
from vitalspan.rules.engine import RuleEngine
from vitalspan.rules.error_budget import SloStatus


class Evaluation(EvaluationLoop):
    """Evaluates at each tick, or lets another process do it, and provides the results."""

    @contextmanager
    def reading_history(self) -> Iterator[History]:
        """Keep the history unchanged while it is read; tick first unless a thread does.

        Yields:
            The history.

        Raises:
            VitalspanError: if another process has the history, because that one evaluates for all.
        """
        with self.reading_history_if_here() as history:
            if history is None:
                raise VitalspanError(
                    "another worker evaluates the rules, so only that process has the history: "
                    "ask there, or leave out the window to ask for the time since the start"
                )
            yield history

    @contextmanager
    def reading_history_if_here(self) -> Iterator[History | None]:
        """Do the same as `reading_history`, but yield None if another process has the history.

        Yields:
            The history, or None.
        """
        shared = self._shared
        with self._brief_lead():
            if not self.ticker.running:
                self._tick(None, ())
            # A signal handler may have interrupted a thread that holds the lock.
            takes_lock = shared is not None or self._lock.is_held_here
            with self._lock if takes_lock else self._history_lock:
                yield self.history if shared is None or shared.leads else None

    @contextmanager
    def reading_any_history(self) -> Iterator[History | None]:
        """Do the same, but read the history of another process from its journal if necessary.

        Yields:
            The history, or None if there is none yet.
        """
        with self.reading_history_if_here() as history:
            shared = self._shared
            yield shared.followed_history() if history is None and shared else history

    @contextmanager
    def reading_rules(self) -> Iterator[RuleEngine]:
        """Keep the rules from being evaluated while their state is read.

        Yields:
            The engine; if another process evaluates the rules, it has the results of that process.
        """
        with self._lock:
            if self._shared is not None:
                self._shared.follow()
            yield self.engine

    def slo_statuses(self) -> list[SloStatus]:
        """Return the status of every error budget, from the process that evaluates for all."""
        return self.rules.slos() if self._shared is None else self._shared.statuses

    def families(self) -> Iterator[MetricFamily]:
        """Yield the metric families of rules, SLOs, health, receivers and ticks."""
        with self._lock:
            if self._shared is not None:
                self._shared.follow()
            families = list(self._families())
        yield from families

    def _families(self) -> Iterator[MetricFamily]:
        yield from rule_families(self.engine, self._missing_series.without_series)
        yield from health_families(self.assessor.latest, [name for name, _ in self.assessor.levels])
        counters = self.history.slo_counters
        objectives = {name: counter.objective for name, counter in counters.items()}
        shared = self._shared
        yield from slo_families(self.slo_statuses(), self.history.slo_counts(), objectives)
        receivers = self.receivers.snapshot() if shared is None else shared.receiver_statuses
        counts = self.actions.counts() if shared is None else shared.action_counts
        yield from receiver_families(receivers, counts)
        ticks, seconds = (self.ticks, self.seconds) if shared is None else shared.ticking
        yield from tick_families(ticks, seconds, reload_failed=self.rules.reload_failed)
        if self.persistence is not None:
            yield from store_families(self.persistence.status)
