"""Reads the events of an SLO: calls by outcome or labels, or what counters count."""

from __future__ import annotations

from typing import Final, NamedTuple

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.values import is_number
from vitalspan.metrics import is_counter
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.file.labels import read_where
from vitalspan.rules.file.query import read_metric_name
from vitalspan.rules.model import CountedEvents, CounterSelector
from vitalspan.signals.catalogue import SIGNALS
from vitalspan.signals.registry_metric import registry_metric
from vitalspan.signals.signal import Signal
from vitalspan.words import listed, shown

EVENT_FIELDS: Final = ("under", "good", "bad", "total")
"""The fields of an SLO for its events."""

_SELECTOR: Final = ("series", "where")
_TOTAL: Final = "{series: http_requests_total}"
_JUDGED: Final = "{where: {status: =~5..}}"


class Events(NamedTuple):
    """The events of an SLO; if all are empty, calls that do not fail are good.

    Attributes:
        under: the maximum duration of a good call in seconds.
        good: matchers of the labels of good calls.
        bad: matchers of the labels of bad calls.
        counted: counters whose events are judged instead of calls.
    """

    under: float | None = None
    good: tuple[Matcher, ...] = ()
    bad: tuple[Matcher, ...] = ()
    counted: CountedEvents | None = None


def read_events(fields: Fields) -> tuple[Events, Signal | None]:
    """Return the events of an SLO, and the signal with their labels; None if it is unknown."""
    under = fields.seconds("under", None, zero="is not a limit: use one such as 300ms")
    ways = [field for field in ("under", "good", "bad") if field in fields]
    if len(ways) > 1:
        fields.wrong(f"{listed(ways)} are given: keep one of them", ways[-1])
    judged = {
        field: fields.mapping(field, _SELECTOR, f"conditions such as {_JUDGED}")
        for field in ("good", "bad")
    }
    if "total" in fields or any(inner and "series" in inner for inner in judged.values()):
        return _counted(fields, judged)
    good, bad = map(_by_labels, judged.values())
    return Events(under, good, bad), SIGNALS["rate"]


def _by_labels(inner: Fields | None) -> tuple[Matcher, ...]:
    """Return the matchers of the labels of good calls, or of bad ones."""
    if inner is None:
        return ()
    where = read_where(inner, SIGNALS["rate"])
    if not where and "where" not in inner:
        inner.missing("where", "add conditions such as {status: =~5..}")
    return where


def _counted(fields: Fields, judged: dict[str, Fields | None]) -> tuple[Events, Signal | None]:
    inner = fields.mapping("total", _SELECTOR, f"the counter of all events, such as {_TOTAL}")
    if inner is None:
        fields.missing("total", f"add the counter of all events, such as {_TOTAL}")
    total = _counters(inner)
    signal = None if total is None else registry_metric(total.series)
    if "under" in fields:
        fields.wrong("under is about calls, not counters: leave it out", "under")
    field = next((field for field, one in judged.items() if one), "")
    if not field:
        fields.missing(("good", "bad"), f"add the counter of good or bad events, as in {_TOTAL}")
    part = _counters(judged.get(field))
    if total is None or part is None:
        return Events(), signal
    if part == total:
        fields.wrong(f"{field} is the same as total: add the conditions that differ", field)
    return Events(counted=CountedEvents(total, part, field == "good")), signal


def _counters(inner: Fields | None) -> CounterSelector | None:
    if inner is None:
        return None
    node = inner.required("series", "add the name of a counter such as http_requests_total")
    name = None if node is None else read_metric_name(node, inner.report)
    if name is None:
        return None
    if not is_counter(name):
        inner.wrong(
            f"{shown(name)} is not a counter: use one whose name ends with _total, _count or "
            "_bucket",
            "series",
        )
    where = read_where(inner, registry_metric(name))
    return CounterSelector(name, tuple(map(as_exported, where)))


def as_exported(matcher: Matcher) -> Matcher:
    """Return a matcher; the bound of a bucket is in its exported form: 1 as 1.0."""
    if matcher.label != "le" or matcher.operator not in ("=", "!=") or not is_number(matcher.value):
        return matcher
    from prometheus_client.utils import floatToGoString  # noqa: PLC0415 - rarely needed

    bound: str = floatToGoString(float(matcher.value))  # type: ignore[no-untyped-call]
    return Matcher("le", matcher.operator, bound)
