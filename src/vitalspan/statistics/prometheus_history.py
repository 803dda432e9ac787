"""The history in a Prometheus, Thanos or Mimir."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from vitalspan.metrics import ALERT_STATE, ALERT_STATES, COMPONENT, HEALTH_SCORE, OPERATION
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.expression import Aggregation, Subquery, call
from vitalspan.promql.matchers import Matcher
from vitalspan.promql.selection import Selection
from vitalspan.rules.alert import Alert
from vitalspan.signals.catalogue import find
from vitalspan.signals.query import Query
from vitalspan.statistics.periods import Key, PeriodQuestion
from vitalspan.statistics.stored_window import StoredWindow
from vitalspan.statistics.timeline import Slot, SlotSums, Timeline, slot_width
from vitalspan.store.prometheus.reader import PrometheusReader
from vitalspan.store.reader import StoredPeriod
from vitalspan.units import range_text

if TYPE_CHECKING:
    from vitalspan.recording.counts import Counts

_SCRAPES: Final = 4
"""The minimum number of scrapes in a slot, as in Grafana's `$__rate_interval`."""

_LOOKS: Final = 12
"""The number of values of a gauge for the mean of a slot."""

_ALERT_LOOKS: Final = 384
"""The number of times at which it is checked whether an alert was firing."""

_ALERT_LABELS: Final = ("alertname", "severity", COMPONENT, OPERATION)

_GROUPINGS: Final[dict[tuple[bool, bool], tuple[str, ...]]] = {
    (False, False): (),
    (True, False): (COMPONENT,),
    (False, True): (OPERATION,),
    (True, True): (COMPONENT, OPERATION),
}
"""The labels that identify keys: whether they have a component, and an operation."""


class PrometheusHistory:
    """The history in a Prometheus, Thanos or Mimir.

    Args:
        reader: reads it.
        prefix: the prefix of the metric names.
    """

    is_remote = True

    def __init__(self, reader: PrometheusReader, prefix: str = "") -> None:
        self._reader = reader
        self._context = PromqlContext(prefix=prefix)

    def window(self, counts: Counts, question: PeriodQuestion) -> StoredWindow:
        """Return a period, which is read from the server when it is used."""
        reader = self._reader

        def read(start: float, end: float, *_: object) -> StoredPeriod:
            return reader.period(start, end, question.selection)

        return StoredWindow(read, counts, question.window, question.offset)

    def timelines(
        self,
        keys: Sequence[Key],
        start: float,
        end: float,
        now: float,  # noqa: ARG002 - a store wants it
    ) -> list[Timeline]:
        """Return timelines of a period, with the same slots, at round times of the clock."""
        reader = self._reader
        least = _SCRAPES * reader.scrape_interval
        width = max(slot_width(end - start), least)
        first = math.floor(reader.first(start, end) / width) * width
        edges = [first + number * width for number in range(math.floor((end - first) / width) + 1)]
        stretches = [edges]
        if end - edges[-1] >= least:
            # The last slot ends with the period, not at a round time.
            stretches.append([edges[-1], end])
        slots = [pair for stretch in stretches for pair in pairwise(stretch)]
        sums = {key: {low: SlotSums() for low, _ in slots} for key in keys}
        for (has_component, has_operation), by in _GROUPINGS.items():
            group = [key for key in keys if _kind(key) == (has_component, has_operation)]
            for stretch in stretches:
                if group and len(stretch) > 1:
                    self._add(sums, group, by, stretch)
        return [
            Timeline(*key, tuple(sums[key][low].slot(low, high) for low, high in slots))
            for key in keys
        ]

    def _add(
        self,
        sums: dict[Key, dict[float, SlotSums]],
        keys: Sequence[Key],
        by: tuple[str, ...],
        edges: Sequence[float],
    ) -> None:
        """Add the counts of some keys, which have the same labels."""
        width = edges[1] - edges[0]
        matchers = [Matcher(label, "=~", _any_of(keys, label)) for label in by]
        for time, every in self._reader.points(width, edges[0], edges[-1], by=by, more=matchers):
            for one in every:
                labels = one.series.labels
                slots = sums.get((labels.get(COMPONENT), labels.get(OPERATION)))
                nearest = edges[0] + round((time - edges[0]) / width) * width
                if slots is not None and nearest in slots:
                    slots[nearest].add_stored(one)

    def means(self, signal: str, slots: Sequence[Slot]) -> list[float | None]:
        """Return the mean of a signal in each slot; of several instances, that of the worst one."""
        known, width = find(signal), max((slot.end - slot.start for slot in slots), default=0.0)
        if known is None or not width:
            return [None] * len(slots)
        step = max(width / _LOOKS, self._reader.scrape_interval)
        worst = "min" if signal == HEALTH_SCORE.name else "max"
        selection = Selection(
            self._reader.builder.matchers,
            max(step, _SCRAPES * self._reader.scrape_interval),
            worst=worst,
            context=self._context,
        )
        value = Aggregation(worst, (), known.promql(selection, Query(signal)))
        mean = call("avg_over_time", Subquery(value, range_text(width), math.ceil(step)))
        values = self._reader.values(str(mean), slots[0].end, slots[-1].end, width)
        last = slots[-1].end
        if last not in values:
            values |= self._reader.values(str(mean), last, last, width)
        return [values.get(slot.end) for slot in slots]

    def alerts(self, start: float, end: float) -> list[Alert]:
        """Return the alerts that fired within a period, as exactly as a few hundred looks tell."""
        reader = self._reader
        least = max(60.0, 2 * reader.scrape_interval)
        step = math.ceil(max((end - start) / _ALERT_LOOKS, least))
        state = reader.builder.series(ALERT_STATE.name, over=range_text(step))
        worst = Aggregation("max", _ALERT_LABELS, call("max_over_time", state))
        times: dict[tuple[str, ...], list[float]] = {}
        query = str(worst.compare("==", ALERT_STATES["firing"]))
        for labels, points in reader.rows(query, start + step, end, step):
            key = tuple(labels.get(name, "") for name in _ALERT_LABELS)
            times.setdefault(key, []).extend(when for when, _ in points)
        return [
            _past_alert(key, first - step, last)
            for key, some in times.items()
            for first, last in _stretches(sorted(some), step)
        ]

    def notes(self) -> list[str]:
        """Return the warnings of the server, and where the figures come from."""
        source = (
            f"Figures of this period are from {self._reader.name}, and are those of all instances "
            "that it has. Shortest and longest calls are known by their bucket."
        )
        return [source, *(f"The server warns: {text}" for text in self._reader.warnings)]


def prometheus_history(url: str, prefix: str) -> PrometheusHistory:
    """Return the history in the Prometheus at a URL.

    Args:
        url: the URL, as in `parse_address`.
        prefix: the prefix of the metric names.

    Raises:
        ConfigurationError: for an invalid URL.
    """
    return PrometheusHistory(PrometheusReader(url, prefix), prefix)


def _stretches(times: Sequence[float], step: float) -> Iterator[tuple[float, float]]:
    """Yield the first and the last time of each run without gaps."""
    first = previous = times[0]
    for time in times[1:]:
        if time - previous > 1.5 * step:
            yield first, previous
            first = time
        previous = time
    yield first, previous


def _past_alert(key: tuple[str, ...], fired: float, resolved: float) -> Alert:
    labels = {name: value for name, value in zip(_ALERT_LABELS, key, strict=True) if value}
    name, severity = labels.get("alertname", ""), labels.get("severity", "")
    return Alert(
        id=f"{name}-{severity}-{'-'.join(key[2:])}-{fired:.0f}",
        alertname=name,
        type="",
        severity=severity,
        state="resolved",
        labels=labels,
        annotations={},
        message=name,
        value=None,
        threshold=0.0,
        active_at=fired,
        fired_at=fired,
        resolved_at=resolved,
        operation=labels.get(OPERATION),
    )


def _kind(key: Key) -> tuple[bool, bool]:
    return key[0] is not None, key[1] is not None


def _any_of(keys: Iterable[Key], label: str) -> str:
    """Return an expression that matches all values of a label in some keys."""
    values = {key[0] if label == COMPONENT else key[1] for key in keys}
    return "|".join(sorted(_escaped(str(value)) for value in values))


def _escaped(text: str) -> str:
    """Return an expression that matches only a text, with the escapes of RE2."""
    return "".join(f"\\{one}" if one in r"\.+*?()|[]{}^$" else one for one in text)
