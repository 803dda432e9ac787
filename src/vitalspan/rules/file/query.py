"""Reads which signal is asked about, of which series, over which window."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

from vitalspan import names
from vitalspan.errors import ConfigurationError
from vitalspan.record.labels import check_name
from vitalspan.rules.file.fields import Fields
from vitalspan.rules.file.labels import read_by, read_where
from vitalspan.rules.file.nodes import Node, shown_text
from vitalspan.rules.file.ranges import never_reached, plain_range
from vitalspan.rules.file.values import nearest, seconds_of, text_of, value_of
from vitalspan.signals import catalogue
from vitalspan.signals.process import is_counter, series_signal
from vitalspan.signals.query import Derivation, Derive, Query
from vitalspan.signals.signal import Signal

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
_EMPTY_WINDOW: Final = "is no window: use 30s, 5m or 1h30m"
_SPANS: Final = ("change", "slope", "anomaly")
_DERIVED: Final = ("change", "slope", "forecast", "until", "anomaly", "over")
_USABLE: Final = "{change: 1h}, {slope: 1h}, {forecast: 4h, over: 1h} or {until: 90%, over: 1h}"


@dataclass(frozen=True)
class Known:
    """What a question can refer to.

    Attributes:
        slos: the objectives of the SLOs by name, None where one has a mistake; itself None where
            nobody knows yet which SLOs there will be.
    """

    slos: Mapping[str, float | None] | None = None


def read_query(fields: Fields, known: Known) -> Query | None:
    """Return what a rule asks, None where that cannot be said."""
    named = _named(fields)
    signal = named.signal if named else None
    where = read_where(fields, signal)
    by = read_by(fields, signal)
    window = fields.seconds("window", WINDOW, zero=_EMPTY_WINDOW)
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
    return _with_derivation(fields, query, growth=named.growth)


@dataclass(frozen=True)
class _Named:
    signal: Signal
    series: str | None = None
    growth: bool = False


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
    growth = name == catalogue.MEMORY_GROWTH
    found = catalogue.find("memory_rss" if growth else name)
    if found is None or catalogue.quantile_of(name) == 0:
        fields.report.wrong(signal.place, _no_signal(name))
        return None
    return _Named(found, growth=growth)


def _no_signal(name: str) -> str:
    if re.fullmatch(r"latency_p(NN|[0-9._]*)", name):
        return f"{shown_text(name)} is no quantile: use {_QUANTILES}"
    every = [*catalogue.SIGNALS, catalogue.MEMORY_GROWTH, "latency_p50", "latency_p95"]
    every.remove("latency_pNN")
    every.sort()
    return f"there is no signal {shown_text(name)}: {nearest(name, every)}"


def _series(fields: Fields, node: Node) -> _Named | None:
    name = text_of(node, "the name of a metric", fields.report)
    if name is None:
        return None
    if not _METRIC.fullmatch(name):
        problem = "is not the name of a metric: use one without labels, and conditions in where"
        fields.report.wrong(node.place, f"{shown_text(name)} {problem}")
        return None
    return _Named(series_signal(name), series=name)


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
    hint = nearest(query.slo, known.slos) if known.slos else "define it under slos"
    fields.report.wrong(slo.place, f"there is no SLO {shown_text(query.slo)}: {hint}")


def _bad_measure(name: str) -> str:
    try:
        check_name(name, "measure")
    except ConfigurationError as refused:
        return str(refused)
    if name in names.RESERVED_MEASURES:
        return f"{names.measure(name).name} is a metric of vitalspan's own: use a signal for it"
    return ""


def _with_derivation(fields: Fields, query: Query, *, growth: bool) -> Query | None:
    inner = fields.mapping("derive", _DERIVED, _USABLE)
    if growth:
        if inner is not None:
            problem = "memory_growth is derived already: leave derive out, or use memory_rss"
            fields.wrong(problem, "derive")
        return replace(query, derive=Derivation("slope", over=query.window))
    if inner is None:
        return query
    derivation = _derivation(inner, query)
    return None if derivation is None else replace(query, derive=derivation)


def _derivation(inner: Fields, query: Query) -> Derivation | None:
    kinds = [name for name in _DERIVED if name != "over" and name in inner]
    if len(kinds) > 1:
        inner.wrong(f"{' and '.join(kinds)} are given: keep one of them")
    elif not kinds:
        inner.missing(" or ".join(_DERIVED[:-1]), f"use {_USABLE}")
    if len(kinds) != 1:
        return None
    kind = kinds[0]
    if kind in _SPANS:
        if "over" in inner:
            inner.wrong(f"over means nothing to {kind}: leave it out", "over")
        over = _span(inner, kind)
        return None if over is None else Derivation(cast("Derive", kind), over)
    if "over" not in inner:
        inner.missing("over", f"{kind} needs the time that it is made of, such as over: 1h")
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
