"""The evaluation loop: at each tick one of the processes evaluates and stores the results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vitalspan.evaluation.evaluator import Evaluator
from vitalspan.health.service_health import ServiceHealth
from vitalspan.runtime import fork
from vitalspan.runtime.last_tick import LastTick, finish
from vitalspan.runtime.locks import acquire
from vitalspan.runtime.ticker import Ticker
from vitalspan.workers.evaluation_parts import EvaluationParts

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from vitalspan.config import Settings
    from vitalspan.evaluation.persistence import Persistence, RecordSource
    from vitalspan.history.registry_metrics import Samples
    from vitalspan.history.samples.reading import Reading
    from vitalspan.recording.counts import Counts
    from vitalspan.recording.recorder import Recorder
    from vitalspan.store.writer import PreparedBatch
    from vitalspan.workers.shared_evaluation import SharedEvaluation
    from vitalspan.workers.workers import Workers


class EvaluationLoop(Evaluator):
    """Evaluates at each tick, or leaves that to another process, and stores the results.

    Args:
        recorder: the operations of this process.
        counts: the counts of this process or of several.
        registry: a registry whose other metrics can also be used by rules.
        settings: the settings of the monitor.
        workers: the processes that evaluate together; None for a single process.

    Attributes:
        health: the score, with its reasons.
        persistence: stores the results; None without a store.
        record_sources: functions that return further records to store.
        after_ticks: functions that are called after each tick, with its time on the steady clock;
            they must not raise.
        ticker: the thread that ticks.
        seconds: the total duration of the ticks.
    """

    def __init__(
        self,
        recorder: Recorder,
        counts: Counts,
        registry: CollectorRegistry,
        settings: Settings,
        workers: Workers | None = None,
    ) -> None:
        super().__init__(recorder, counts, registry, settings)
        self.health = ServiceHealth(
            self.assessor, self.engine, self._refresh_health, recorder.now, self._lock
        )
        self.ticker = Ticker(self.tick, settings.tick_interval)
        self._parts = EvaluationParts(
            self.history,
            self.engine,
            self.rules,
            self.assessor,
            self.receivers,
            self.actions,
            self.alerts.kept_silences,
            lambda: self.ticker.interval,
        )
        self.seconds = 0.0
        self.after_ticks: list[Callable[[float], None]] = []
        self._ticking = threading.Lock()
        self._shared = None if workers is None else self._share(workers)
        self.persistence: Persistence | None = None
        self._last_tick: LastTick | None = None
        self.record_sources: list[RecordSource] = []
        self._stored: tuple[str, str, int] = ("", "", 0)
        self.history.begin(recorder.now())
        fork.reset_in_child(self)

    def tick(self, now: float | None = None) -> None:
        """Run a tick: observe, evaluate the rules that are due, assess health, notify.

        Args:
            now: seconds on the monitor's steady clock; None reads it. The tick is skipped if this
                is not later than the previous tick.
        """
        self._tick(now, self.after_ticks)

    def _tick(self, now: float | None, tasks: Iterable[Callable[[float], None]]) -> None:
        """Run a tick, and then the tasks after it."""
        # A tick during another one, for example in a signal handler or another thread, is skipped.
        ticking = self._ticking
        if not acquire(ticking):
            return
        try:
            self._tick_alone(now, tasks)
        finally:
            ticking.release()

    def _tick_alone(self, now: float | None, tasks: Iterable[Callable[[float], None]]) -> None:
        began, persistence = self._recorder.now(), self.persistence
        self.rules.reload_if_changed()
        if not self._leads(began if now is None else now):
            if persistence is not None:
                persistence.let_go()
            return
        self.rules.log_mistakes()
        # Collectors may take long, and may need locks whose holders wait for this one.
        samples, reading = self.history.metrics.read(), self.history.samples.read()
        history_lock = self._history_lock.current
        # A reader of the history may be waiting for the results, whose lock this thread may hold
        # already if this is a signal handler. Another handler may raise after any call, so the
        # lock is acquired without one of Python.
        [free] = map(history_lock.acquire, (not self._lock.is_held_here,))
        try:
            if not free:
                return
            with self._lock:
                now = self._recorder.now() if now is None else now
                evaluated, batch = self._evaluate_for_all(now, began, samples, reading)
        finally:
            if free:
                history_lock.release()
        if batch is not None and persistence is not None:
            # Readers of alerts must not wait for a disk.
            with self._storing():
                persistence.write(batch)
        self.seconds += self._recorder.now() - began
        for task in tasks if evaluated else ():
            task(now)

    def _leads(self, now: float) -> bool:
        """Return whether this process evaluates; if another one does, read its results."""
        if self._shared is None:
            return True
        with self._lock:
            return self._shared.lead(now)

    def _evaluate_for_all(
        self, now: float, began: float, samples: Samples, reading: Reading
    ) -> tuple[bool, PreparedBatch | None]:
        """Evaluate, and publish the results to other processes.

        Returns:
            Whether the evaluation was possible, and the batch to store.
        """
        persistence, batch = self.persistence, None
        if persistence is not None:
            with self._storing():
                persistence.prepare(now, self._recorder.epoch(), is_first=self._is_first())
        evaluated = self.evaluate(now, samples, reading)
        if evaluated and persistence is not None:
            with self._storing():
                batch = persistence.collect(now, self._recorder.epoch())
        if evaluated and self._shared is not None:
            seconds = self._recorder.now() - began
            self._shared.publish(now, samples, reading, seconds=seconds)
        return evaluated, batch

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except Exception:  # noqa: BLE001 - rules and receivers go on without a store
            self._recorder.internal_errors.note("store", "storing history failed")

    def _is_first(self) -> bool:
        """Return whether nothing was evaluated yet, by this process or by another worker."""
        return (self.ticks if self._shared is None else self._shared.ticks) == 0

    def _persist(self, settings: Settings) -> Persistence | None:
        if not settings.store:
            return None
        # Imported here, because few programs have a store.
        from vitalspan.evaluation.persistence import Persistence  # noqa: PLC0415

        return Persistence(
            settings,
            self._parts,
            self._recorder.series_table.hidden,
            self.record_sources,
            has_workers=self._shared is not None,
        )

    def _share(self, workers: Workers) -> SharedEvaluation:
        # Imported here, because few services have several processes.
        from vitalspan.workers.shared_evaluation import SharedEvaluation  # noqa: PLC0415

        self.alerts.shared = SharedEvaluation(workers, self._parts)
        return self.alerts.shared

    @contextmanager
    def _brief_lead(self) -> Iterator[None]:
        """Let other processes lead afterwards, unless this one leads already or ticks by itself."""
        shared = self._shared
        led = shared is not None and shared.leads
        try:
            yield
        finally:
            if shared is not None and not led and not self.ticker.running:
                shared.step_down()

    def configure(self, settings: Settings) -> None:
        """Apply settings: load the rule file, add the receivers, set the interval.

        Raises:
            ConfigurationError: for a rule file with mistakes, or an invalid URL. Nothing is changed
                then.
        """
        stored = (settings.store, settings.store_tiers, settings.store_max_bytes)
        former = persistence = self.persistence
        if stored != self._stored:
            persistence = self._persist(settings)
        super().configure(settings)
        self.persistence, self._stored = persistence, stored
        if former is not None and former is not persistence:
            former.let_go()
        if persistence is not None and self._last_tick is None:
            self._last_tick = LastTick(self.ticker)
        self.ticker.set_interval(settings.tick_interval)

    def close(self) -> None:
        """End all threads, and store what is not stored yet, unless that takes too long.

        Queued messages are still sent to receivers for a short while.
        """
        if self._last_tick is not None:
            self._last_tick.close()
        if self.persistence is None:
            self.ticker.stop()
        else:
            finish(self.ticker, self._tick_last)
        if self._shared is not None:
            self._shared.step_down()
        self.receivers.close()
        self.actions.close()
        if self._shared is not None:
            self._shared.close()

    def _tick_last(self) -> None:
        self.ticker.tick()
        if self.persistence is not None:
            self.persistence.let_go()

    def reset(self) -> None:
        """Start over from zero, as a forked child does by itself."""
        if self._lock.reset():
            self._ticking = threading.Lock()
        self._history_lock.reset()
        history_lock = self._history_lock.current
        # A signal handler goes on without the lock of the history if its reader may wait for this
        # thread.
        [free] = map(history_lock.acquire, (not self._lock.is_held_here,))
        try:
            with self._lock:
                super().reset()
                self.seconds = 0.0
                if self._shared is not None:
                    self._shared.reset()
                if self.persistence is not None:
                    self.persistence.reset()
        finally:
            if free:
                history_lock.release()
        self.ticker.reset()

    def _refresh_health(self) -> None:
        if self.ticker.running and self.assessor.latest.at is not None:
            return
        with self._brief_lead():
            self._tick(None, ())
