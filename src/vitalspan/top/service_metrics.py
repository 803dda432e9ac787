"""Reads the metrics of a scraped service: operations, health and alerts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from vitalspan import metrics as names
from vitalspan.metrics import COMPONENT, ERROR_TYPE, OPERATION

if TYPE_CHECKING:
    from vitalspan.bridge.otlp.from_samples import Metric

NO_DATA: Final = "no_data"
FIRING: Final = "firing"

_START: Final = "process_start_time_seconds"
_STATES: Final = {number: state for state, number in names.ALERT_STATES.items()}


class Key(NamedTuple):
    """The names that identify an operation; its declared labels are summed."""

    component: str
    operation: str


@dataclass
class Counts:
    """The counts of an operation since its process started.

    Attributes:
        calls: the number of finished calls.
        seconds: their total duration.
        cancelled: the number of cancelled calls.
        in_progress: the number of running calls.
        oldest: the age of the oldest running call in seconds.
        errors: the failed calls by type.
        buckets: cumulative counts of finished calls by upper bound in seconds.
    """

    calls: float = 0.0
    seconds: float = 0.0
    cancelled: float = 0.0
    in_progress: float = 0.0
    oldest: float = 0.0
    errors: dict[str, float] = field(default_factory=dict)
    buckets: dict[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Health:
    """The health of a service.

    Attributes:
        score: the score from 0 to 100; None if it is unknown.
        status: the level of the score, or `no_data`.
        lost: the factors and the points that they cost, the most costly first.
        failing: whether it is in the worst level.
    """

    score: float | None = None
    status: str = NO_DATA
    lost: tuple[tuple[str, float], ...] = ()
    failing: bool = False


class Alert(NamedTuple):
    """An alert that is pending or firing."""

    state: str
    name: str
    severity: str
    labels: tuple[tuple[str, str], ...]


@dataclass
class Reading:
    """The result of one scrape.

    Attributes:
        time: the time of the scrape on a steady clock, in seconds.
        started: when the process started, in Unix seconds; None if it is unknown.
        operations: the operations by component and name.
        health: the score and what costs points.
        alerts: the pending and firing alerts.
        known: whether there were any metrics of vitalspan.
    """

    time: float
    started: float | None = None
    operations: dict[Key, Counts] = field(default_factory=dict)
    health: Health = field(default_factory=Health)
    alerts: list[Alert] = field(default_factory=list)
    known: bool = False


def read_metrics(metrics: Iterable[Metric], time: float, metric_prefix: str = "") -> Reading:
    """Return a reading of a process' metrics; invalid samples are ignored.

    Args:
        metrics: the metrics of an exposition.
        time: the time of the scrape on a steady clock, in seconds.
        metric_prefix: the prefix of the process' metric names.
    """
    builder = _Builder(time)
    for metric in metrics:
        for sample in metric.samples:
            if not math.isfinite(sample.value):
                continue
            if sample.name == _START:
                builder.reading.started = sample.value
                continue
            read = _READERS.get(sample.name.removeprefix(metric_prefix))
            if read is not None and sample.name.startswith(metric_prefix):
                read(builder, sample.labels, sample.value)
                builder.reading.known = True
    return builder.finished()


Labels = Mapping[str, str]


class _Builder:
    def __init__(self, time: float) -> None:
        self.reading = Reading(time)
        self.score: float | None = None
        self.status = NO_DATA
        self.worst: str | None = None
        self.lost: list[tuple[str, float]] = []

    def counts(self, labels: Labels) -> Counts:
        key = Key(labels.get(COMPONENT, ""), labels.get(OPERATION, ""))
        return self.reading.operations.setdefault(key, Counts())

    def finished(self) -> Reading:
        lost = sorted(self.lost, key=lambda one: (-one[1], one[0]))
        self.reading.health = Health(
            self.score, self.status, tuple(lost), failing=self.status == self.worst
        )
        return self.reading


_Reader = Callable[[_Builder, Labels, float], None]


def _adding_to(count: str) -> _Reader:
    """Return a function that adds values to one of the counts of operations."""

    def add(builder: _Builder, labels: Labels, value: float) -> None:
        counts = builder.counts(labels)
        setattr(counts, count, getattr(counts, count) + value)

    return add


def _bucket(builder: _Builder, labels: Labels, value: float) -> None:
    try:
        bound = float(labels.get("le", ""))
    except ValueError:
        return
    buckets = builder.counts(labels).buckets
    buckets[bound] = buckets.get(bound, 0.0) + value


def _errors(builder: _Builder, labels: Labels, value: float) -> None:
    errors, kind = builder.counts(labels).errors, labels.get(ERROR_TYPE, "")
    errors[kind] = errors.get(kind, 0.0) + value


def _oldest(builder: _Builder, labels: Labels, value: float) -> None:
    counts = builder.counts(labels)
    counts.oldest = max(counts.oldest, value)


def _score(builder: _Builder, _: Labels, value: float) -> None:
    builder.score = value


def _status(builder: _Builder, labels: Labels, value: float) -> None:
    status = labels.get(names.HEALTH_STATUS.name, NO_DATA)
    # The statuses are ordered from the best to the worst.
    builder.worst = builder.worst if status == NO_DATA else status
    if value == 1:
        builder.status = status


def _lost(builder: _Builder, labels: Labels, value: float) -> None:
    if value > 0:
        builder.lost.append((labels.get("factor", ""), value))


def _alert(builder: _Builder, labels: Labels, value: float) -> None:
    state = _STATES.get(int(value))
    if state is None or not value:
        return
    more = tuple(
        sorted((name, text) for name, text in labels.items() if name not in _ALERT_COLUMNS)
    )
    name, severity = (labels.get(column, "") for column in _ALERT_COLUMNS)
    builder.reading.alerts.append(Alert(state, name, severity, more))


def _known(_: _Builder, __: Labels, ___: float) -> None:
    """Record that the process uses vitalspan."""


_ALERT_COLUMNS: Final = ("alertname", "severity")
_READERS: Final[dict[str, _Reader]] = {
    names.DURATION_COUNT: _adding_to("calls"),
    names.DURATION_SUM: _adding_to("seconds"),
    names.DURATION_BUCKET: _bucket,
    names.OPERATION_ERRORS.name: _errors,
    names.OPERATION_CANCELLATIONS.name: _adding_to("cancelled"),
    names.OPERATION_IN_PROGRESS.name: _adding_to("in_progress"),
    names.OPERATION_OLDEST.name: _oldest,
    names.HEALTH_SCORE.name: _score,
    names.HEALTH_STATUS.name: _status,
    names.HEALTH_POINTS_LOST.name: _lost,
    names.ALERT_STATE.name: _alert,
    names.BUILD_INFO.name: _known,
}
