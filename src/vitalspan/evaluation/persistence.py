"""Persistence: stores the state of a monitor, and restores it after a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple
from typing import Any, Final

from vitalspan.config import Settings
from vitalspan.evaluation.stored_alerts import alerts_document, alerts_since, restore_alerts
from vitalspan.health.result import Snapshot
from vitalspan.rules.alert import Alert
from vitalspan.rules.silences import silence_document, silence_of
from vitalspan.runtime.internal_errors import logger
from vitalspan.store.errors import StoreError
from vitalspan.store.open_store import open_store
from vitalspan.store.protocol import Record
from vitalspan.store.reader import StoreReader
from vitalspan.store.restore import HistoryRestorer, SeriesOf
from vitalspan.store.store_status import StoreStatus
from vitalspan.store.tiers import parse_tiers
from vitalspan.store.writer import PreparedBatch, StoreWriter
from vitalspan.workers.evaluation_parts import EvaluationParts

_HEALTH_INTERVAL: Final = 60.0
"""Seconds between two stored scores."""

RecordSource = Callable[[], Iterable[Record]]
"""Returns what has happened since the previous call."""


class Persistence:
    """Stores the results of a monitor, and restores them.

    The caller holds the lock for the evaluation of rules, except for `write`.

    Args:
        settings: the settings, which name the store.
        parts: the parts to store.
        series_of: finds or creates the series of operations.
        sources: return further records to store.
        has_workers: whether other processes may take over the evaluation.

    Raises:
        ConfigurationError: for a URL that is not that of a store.
        MissingExtraError: if the store needs a package that is not installed.
    """

    def __init__(
        self,
        settings: Settings,
        parts: EvaluationParts,
        series_of: SeriesOf,
        sources: Sequence[RecordSource],
        *,
        has_workers: bool,
    ) -> None:
        self._parts = parts
        self._series_of = series_of
        self._has_workers = has_workers
        tiers = parse_tiers(settings.store_tiers)
        store = open_store(settings.store)
        self._writer = StoreWriter(store, tiers, parts.history, settings.store_max_bytes)
        self._reader = StoreReader(open_store(settings.store, read_only=True), tiers)
        self._sources = sources
        self._last_alert: Alert | None = None
        self._last_health = float("-inf")

    @property
    def status(self) -> StoreStatus:
        """The status of the store."""
        return self._writer.status

    @property
    def reader(self) -> StoreReader:
        """The reader of the store."""
        return self._reader

    def keep_records(self, kind: str, age: float) -> None:
        """Delete records of a kind after this many seconds at the latest."""
        self._writer.record_ages[kind] = age

    def prepare(self, now: float, epoch: float, *, is_first: bool) -> None:
        """Open the store if it is not open, and restore what an earlier process has stored.

        Args:
            now: the current time on the steady clock.
            epoch: the difference between the time of day and the steady clock in seconds.
            is_first: whether nothing has been evaluated yet.
        """
        if not self._writer.prepare(now):
            return
        try:
            written = self._reader.written()
            if self._has_workers:
                self._writer.leave_out(min(written - epoch, now))
            if is_first:
                self._restore(written, now, epoch)
        except StoreError as fault:
            logger.warning("%s; alerts and history start over without what is stored", fault)

    def _restore(self, written: float, now: float, epoch: float) -> None:
        parts, store = self._parts, self._writer.store
        began = parts.history.ticks.times[0]
        silences = [silence_of(one) for one in store.document("silences") or ()]
        for silence in silences:
            parts.silences.put(silence)
        if silences and not self._has_workers:
            parts.silences.number_from(1 + max(silence.id for silence in silences))
        if not self._has_workers:
            restorer = HistoryRestorer(self._reader, parts.history, self._series_of)
            restorer.restore(now, epoch)
            self._writer.leave_out(began)
        self._restore_alerts(written, now, epoch)
        snapshots = [Snapshot(*one) for one in store.document("health") or ()]
        if not self._has_workers:
            parts.assessor.snapshots.restore(
                (one.at - epoch, one) for one in snapshots if one.at - epoch < now
            )

    def _restore_alerts(self, written: float, now: float, epoch: float) -> None:
        parts, store = self._parts, self._writer.store
        engine = parts.engine
        past = store.records("alert", 0.0, now + epoch, engine.past.maxlen or 0)
        if past and not engine.past:
            engine.past.extend(Alert(**record.document) for record in past)
            self._last_alert = engine.past[-1]
        restore_alerts(engine, store.document("alerts") or {}, written, now, epoch)
        told = [alert for alert in engine.alerts(now) if alert.state != "pending"]
        if told:
            # Messages that were not due when the process ended have not been sent.
            parts.receivers.adopt(told, written, parts.interval())
            parts.actions.adopt(told)

    def collect(self, now: float, epoch: float) -> PreparedBatch | None:
        """Return the batch to store at a tick; None if there is none.

        Args:
            now: the tick, on the steady clock.
            epoch: the difference between the time of day and the steady clock in seconds.
        """
        parts = self._parts
        wall = now + epoch
        fresh = alerts_since(parts.engine.past, self._last_alert)
        if fresh:
            self._last_alert = fresh[-1]
            self._writer.record(Record("alert", wall, alert.to_dict()) for alert in fresh)
        for source in self._sources:
            self._writer.record(source())
        if now - self._last_health >= _HEALTH_INTERVAL - 1e-3:
            self._record_health(now, wall)
        documents: dict[str, Any] = {
            "alerts": alerts_document(parts.engine, epoch),
            "silences": [silence_document(one) for one in parts.silences.active(wall)],
            "health": [list(astuple(one)) for _, one in parts.assessor.snapshots],
        }
        return self._writer.collect(now, epoch, documents)

    def _record_health(self, now: float, wall: float) -> None:
        latest = self._parts.assessor.latest
        if latest.score is not None:
            self._last_health = now
            components = {one.component: one.score for one in latest.components}
            document = {"score": latest.score, "status": latest.status, "components": components}
            self._writer.record([Record("health", wall, document)])

    def write(self, batch: PreparedBatch) -> None:
        """Store a batch; it never raises."""
        self._writer.write(batch)

    def let_go(self) -> None:
        """Close the store, because another process writes from now on, or none does."""
        if self._writer.is_open:
            self._writer.close()
        self._reader.close()

    def reset(self) -> None:
        """Start over, in a forked child, which leaves the store to its parent."""
        self._writer.close()
        self._writer.reset()
        self._last_alert = None
        self._last_health = float("-inf")
