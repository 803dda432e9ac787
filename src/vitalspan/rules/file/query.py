"""Reads which signal is asked about, of which series, over which window."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

from vitalspan import metrics as names
from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import seconds_of, text_of, value_of
from vitalspan.errors import ConfigurationError
from vitalspan.history.ticks import LONGEST
from vitalspan.labels import check_name
from vitalspan.metrics import is_counter
from vitalspan.rules.file.labels import read_by, read_where
from vitalspan.rules.sampling import (
    USUAL_SAMPLING,
    Sampling,
    derivation_problem,
    window_problem,
)
from vitalspan.signals import catalogue
from vitalspan.signals.query import Derivation, Derive, Query
from vitalspan.signals.ranges import never_reached, plain_range
from vitalspan.signals.registry_metric import registry_metric
from vitalspan.signals.signal import Signal
from vitalspan.units import duration_text
from vitalspan.words import listed, shown, suggestion

FIELDS: Final = (
    "signal",
    "series",
    "aggregate",
    "measure",
    "slo",
    "where",
    "by",
    "window",
    "derive",
)
"""The fields that ask a question."""

WINDOW: Final = 300.0
"""Seconds that a rule looks back without a `window`."""

_AGGREGATES: Final = ("sum", "avg", "min", "max")
_QUANTILES: Final = "latency_p50, latency_p95 or latency_p999"
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_EMPTY_WINDOW: Final = "is not a window: use 30s, 5m or 1h30m"
_SPANS: Final = ("increase", "change", "slope", "anomaly")
_DERIVED: Final = ("increase", "change", "slope", "forecast", "until", "anomaly", "over")
_USABLE: Final = "{increase: 1d}, {change: 1h}, {forecast: 4h, over: 1h} or {until: 90%, over: 1h}"


@dataclass(frozen=True)
class Known:
    """The names that a query can refer to.

    Attributes:
        slos: the objectives of the SLOs by name, None where one has a mistake; itself None where
            nobody knows yet which SLOs there will be.
        sampling: how often there are samples and evaluations.
    """

    slos: Mapping[str, float | None] | None = None
    sampling: Sampling = USUAL_SAMPLING


def read_query(fields: Fields, known: Known) -> Query | None:
    """Return what a rule asks, None where that cannot be said."""
    named = _named(fields)
    signal = named.signal if named else None
    where = read_where(fields, signal)
    by = read_by(fields, signal)
    window = fields.seconds("window", WINDOW, zero=_EMPTY_WINDOW)
    _too_long(fields, window, "window")
    if named is None:
        return None
    query = Query(
        "" if named.series else named.signal.name,
        where=where,
        window=window,
        by=by,
        quantile=catalogue.quantile_of(named.signal.name),
        measure=_argument(fields, named.signal, "measure", "the name that call.add was given"),
        slo=_argument(fields, named.signal, "slo", "the name of an SLO"),
        series=named.series,
        aggregate=_aggregate(fields, named.series),
    )
    _check_arguments(fields, query, known)
    derived = _with_derivation(fields, query, named)
    if derived is not None:
        _note_short_times(fields, derived, known.sampling)
    return derived


def _note_short_times(fields: Fields, query: Query, sampling: Sampling) -> None:
    """Note what Prometheus could never compute, because there are too few samples."""
    problem = window_problem(query, sampling.scrape)
    if problem:
        field = "derive" if query.increase else "window"
        fields.report.note(fields.key(field), problem)
    problem = derivation_problem(query, sampling)
    if problem:
        fields.report.note(fields.key("derive" if "derive" in fields else "window"), problem)


def with_whole_window(query: Query) -> Query:
    """Return a query whose low values are bad: a rate has none until its window is over.

    Before, it would be low in every process that has just begun.
    """
    is_rate = catalogue.signal_of(query).amount is not None
    return replace(query, whole_window=True) if is_rate else query


@dataclass(frozen=True)
class _Named:
    signal: Signal
    series: str | None = None
    is_slope: bool = False


def _named(fields: Fields) -> _Named | None:
    """Return what `signal` or `series` says."""
    signal, series = fields.get("signal"), fields.get("series")
    if signal is not None and series is not None:
        fields.wrong("signal and series are both given: keep one of them", "series")
    if series is not None:
        return _series(fields, series)
    if signal is None:
        fields.missing("signal", "add one such as latency_p95, or a series")
        return None
    name = text_of(signal, "a signal such as latency_p95", fields.report)
    if name is None:
        return None
    of_slope = catalogue.find_slope(name)
    found = of_slope or catalogue.find(name)
    if found is None or catalogue.quantile_of(name) == 0:
        fields.report.wrong(signal.place, _no_signal(name))
        return None
    return _Named(found, is_slope=of_slope is not None)


def _no_signal(name: str) -> str:
    if re.fullmatch(r"latency_p(NN|[0-9._]*)", name):
        return f"{shown(name)} is not a quantile: use {_QUANTILES}"
    return f"there is no signal {shown(name)}: {suggestion(name, catalogue.names())}"


def _series(fields: Fields, node: Node) -> _Named | None:
    name = read_metric_name(node, fields.report)
    return None if name is None else _Named(registry_metric(name), series=name)


def read_metric_name(node: Node, report: Report) -> str | None:
    """Return the name of a metric."""
    name = text_of(node, "the name of a metric", report)
    if name is None or _METRIC.fullmatch(name):
        return name
    problem = "is not the name of a metric: use one without labels, and conditions in where"
    report.wrong(node.place, f"{shown(name)} {problem}")
    return None


def _aggregate(fields: Fields, series: str | None) -> str:
    chosen = fields.choice("aggregate", _AGGREGATES, "sum")
    if "aggregate" in fields and series is None:
        fields.wrong("aggregate goes with series only: leave it out", "aggregate")
    elif series is not None and is_counter(series) and chosen != "sum":
        fields.wrong(f"the rates of {series} are added up: leave aggregate out", "aggregate")
    return chosen


def _argument(fields: Fields, signal: Signal, field: str, usable: str) -> str | None:
    node = fields.get(field)
    if signal.argument == field:
        if node is None:
            fields.missing(field, f"{signal.name} needs {usable}")
            return None
        return text_of(node, usable, fields.report)
    if node is not None:
        fields.wrong(f"{field} means nothing to {signal.name}: leave it out", field)
    return None


def _check_arguments(fields: Fields, query: Query, known: Known) -> None:
    measure, slo = fields.get("measure"), fields.get("slo")
    if measure is not None and query.measure is not None:
        problem = _bad_measure(query.measure)
        if problem:
            fields.report.wrong(measure.place, problem)
    if slo is None or query.slo is None or known.slos is None or query.slo in known.slos:
        return
    hint = suggestion(query.slo, known.slos) if known.slos else "define it under slos"
    fields.report.wrong(slo.place, f"there is no SLO {shown(query.slo)}: {hint}")


def _bad_measure(name: str) -> str:
    try:
        check_name(name, "measure")
    except ConfigurationError as refused:
        return str(refused)
    if name in names.RESERVED_MEASURES:
        return f"{names.measure(name).name} is a metric of vitalspan's own: use a signal for it"
    return ""


def _with_derivation(fields: Fields, query: Query, named: _Named) -> Query | None:
    inner = fields.mapping("derive", _DERIVED, _USABLE)
    if named.is_slope:
        if inner is not None:
            slope, plain = named.signal.slope_name, named.signal.name
            problem = f"{slope} is derived already: leave derive out, or use {plain}"
            fields.wrong(problem, "derive")
        return replace(query, derive=Derivation("slope", over=query.window))
    if inner is None:
        return query
    kind = _kind(inner)
    if kind == "increase":
        return _increase(fields, inner, query, named.signal)
    derivation = None if kind is None else _derivation(inner, kind, query)
    if derivation is None:
        return None
    # While a window fills up, a rate rises, but nothing has changed.
    return replace(query, derive=derivation, whole_window=named.signal.amount is not None)


def _kind(inner: Fields) -> str | None:
    """Return which of the derivations is asked for."""
    kinds = [name for name in _DERIVED if name != "over" and name in inner]
    if len(kinds) > 1:
        inner.wrong(f"{listed(kinds)} are given: keep one of them")
    elif not kinds:
        inner.missing(_DERIVED[:-1], f"use {_USABLE}")
    if len(kinds) != 1:
        return None
    kind = kinds[0]
    if kind in _SPANS and "over" in inner:
        inner.wrong(f"over means nothing to {kind}: leave it out", "over")
    return kind


def _increase(fields: Fields, inner: Fields, query: Query, signal: Signal) -> Query | None:
    """Return the query of what a rate adds up to."""
    window = _span(inner, "increase")
    if "window" in fields:
        fields.wrong("an increase is over its own time: leave window out", "window")
    if signal.amount is None:
        problem = f"{signal.name} is no rate, which alone adds up to something"
        inner.wrong(f"{problem}: use change, or the series of a counter", "increase")
        return None
    if window is None or _too_long(inner, window, "increase"):
        return None
    return replace(query, window=window, increase=True)


def _too_long(fields: Fields, window: float, field: str) -> bool:
    if window <= LONGEST:
        return False
    problem = f"no process looks back further than {duration_text(LONGEST)}"
    fields.wrong(f"{problem}: use less", field)
    return True


def _derivation(inner: Fields, kind: str, query: Query) -> Derivation | None:
    if kind in _SPANS:
        over = _span(inner, kind)
        return None if over is None else Derivation(cast("Derive", kind), over)
    if "over" not in inner:
        inner.missing("over", f"{kind} needs the period to look back over, such as over: 1h")
        return None
    over = _span(inner, "over")
    if kind == "forecast":
        horizon = _span(inner, kind)
        if over is None or horizon is None:
            return None
        return Derivation("forecast", over, horizon=horizon)
    limit = _limit(inner, query)
    return None if over is None or limit is None else Derivation("until", over, limit=limit)


def _span(inner: Fields, name: str) -> float | None:
    node = inner.get(name)
    return None if node is None else seconds_of(node, inner.report, zero=_EMPTY_WINDOW)


def _limit(inner: Fields, query: Query) -> float | None:
    node = inner.get("until")
    values = plain_range(query)
    limit = None if node is None else value_of(node, values.unit, inner.report)
    if node is None or limit is None:
        return None
    problem = never_reached(values, limit, node)
    if problem:
        inner.report.wrong(node.place, problem)
    return limit
