"""Reads the query of a rule: the signal, its series and the window."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from vitalspan import metrics as names
from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import text_of
from vitalspan.metrics import is_counter
from vitalspan.rules.file.derivation import EMPTY_WINDOW, is_too_long, with_derivation
from vitalspan.rules.file.labels import bad_name, read_by, read_where
from vitalspan.rules.short_windows import (
    USUAL_SAMPLING,
    Sampling,
    derivation_problem,
    window_problem,
)
from vitalspan.signals import catalogue
from vitalspan.signals.query import Query
from vitalspan.signals.registry_metric import registry_metric
from vitalspan.signals.signal import Signal
from vitalspan.words import shown, suggestion

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
"""The fields of a query."""

WINDOW: Final = 300.0
"""The default window of a rule in seconds."""

_AGGREGATES: Final = ("sum", "avg", "min", "max")
_QUANTILES: Final = "latency_p50, latency_p95 or latency_p999"
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)


@dataclass(frozen=True)
class QueryContext:
    """The SLOs that a query can use, and how often there are samples.

    Attributes:
        slos: the objectives of the SLOs by name, None for one with a mistake; None if it is not
            known yet which SLOs there are.
        sampling: how often there are samples and evaluations.
    """

    slos: Mapping[str, float | None] | None = None
    sampling: Sampling = USUAL_SAMPLING


def read_query(fields: Fields, context: QueryContext) -> Query | None:
    """Return the query of a rule; None after a mistake."""
    signal, is_slope = _subject(fields)
    where = read_where(fields, signal)
    by = read_by(fields, signal)
    window = fields.seconds("window", WINDOW, zero=EMPTY_WINDOW)
    is_too_long(fields, window, "window")
    if signal is None:
        return None
    series = signal.name if signal.own_metric else None
    query = Query(
        "" if series else signal.name,
        where=where,
        window=window,
        by=by,
        quantile=catalogue.quantile_of(signal.name),
        measure=_argument(fields, signal, "measure", "the name that call.add was given"),
        slo=_argument(fields, signal, "slo", "the name of an SLO"),
        series=series,
        aggregate=_aggregate(fields, series),
    )
    _check_arguments(fields, query, context)
    derived = with_derivation(fields, query, signal, is_slope=is_slope)
    if derived is not None:
        _note_short_times(fields, derived, context.sampling)
    return derived


def _note_short_times(fields: Fields, query: Query, sampling: Sampling) -> None:
    """Note windows that have too few samples for Prometheus to compute anything."""
    window, derive = (fields.key(field) for field in ("window", "derive"))
    problem = window_problem(query, sampling.scrape)
    fields.report.note(derive if query.increase else window, problem)
    problem = derivation_problem(query, sampling)
    fields.report.note(derive if "derive" in fields else window, problem)


def read_count(fields: Fields, field: str, query: Query | None) -> int:
    """Return a number of samples of a signal, 0 without the field.

    Args:
        fields: the fields of the rule or the factor.
        field: the field with the number.
        query: its query; None if that is unknown.
    """
    count = fields.whole_number(field, "a number of samples such as 20")
    signal = None if query is None else catalogue.signal_of(query)
    if count and signal is not None and not signal.counted:
        fields.wrong(f"the samples of {signal.name} are not counted: leave {field} out", field)
    return count


def with_whole_window(query: Query) -> Query:
    """Return a query whose low values are bad: a rate has no value until its window is over.

    Before that, it would be low in every new process.
    """
    is_rate = catalogue.signal_of(query).amount is not None
    return replace(query, whole_window=True) if is_rate else query


def _subject(fields: Fields) -> tuple[Signal | None, bool]:
    """Return the signal that `signal` or `series` names, and whether it names its slope."""
    series = fields.get("series")
    if series is not None:
        if "signal" in fields:
            fields.wrong("signal and series are both given: keep one of them", "series")
        metric = read_metric_name(series, fields.report)
        return None if metric is None else registry_metric(metric), False
    signal = fields.required("signal", "add one such as latency_p95, or a series")
    if signal is None:
        return None, False
    name = text_of(signal, "a signal such as latency_p95", fields.report)
    if name is None:
        return None, False
    slope = catalogue.find_slope(name)
    signal_of_name = slope or catalogue.find(name)
    if signal_of_name is None or catalogue.quantile_of(name) == 0:
        fields.report.wrong(signal.place, _no_signal(name))
        return None, False
    return signal_of_name, slope is not None


def _no_signal(name: str) -> str:
    if re.fullmatch(r"latency_p(NN|[0-9._]*)", name):
        return f"{shown(name)} is not a quantile: use {_QUANTILES}"
    return f"there is no signal {shown(name)}: {suggestion(name, catalogue.names())}"


def read_metric_name(node: Node, report: Report) -> str | None:
    """Return the name of a metric."""
    name = text_of(node, "the name of a metric", report)
    if name is None or _METRIC.fullmatch(name):
        return name
    problem = "is not the name of a metric: use one without labels, and conditions in where"
    report.wrong(node.place, f"{shown(name)} {problem}")
    return None


def _aggregate(fields: Fields, series: str | None) -> str:
    aggregate = fields.choice("aggregate", _AGGREGATES) or "sum"
    if "aggregate" in fields and series is None:
        fields.wrong("aggregate is only for series: leave it out", "aggregate")
    elif series is not None and is_counter(series) and aggregate != "sum":
        fields.wrong("the rates of a counter are always added up: leave aggregate out", "aggregate")
    return aggregate


def _argument(fields: Fields, signal: Signal, field: str, usable: str) -> str | None:
    if signal.argument == field:
        node = fields.required(field, f"{signal.name} needs {usable}")
        return None if node is None else text_of(node, usable, fields.report)
    if field in fields:
        fields.wrong(f"{field} does not apply to {signal.name}: leave it out", field)
    return None


def _check_arguments(fields: Fields, query: Query, context: QueryContext) -> None:
    measure, slo = fields.get("measure"), fields.get("slo")
    if measure is not None and query.measure is not None:
        fields.report.wrong(measure.place, _bad_measure(query.measure))
    if slo is None or query.slo is None or context.slos is None or query.slo in context.slos:
        return
    hint = suggestion(query.slo, context.slos) if context.slos else "define it under slos"
    fields.report.wrong(slo.place, f"there is no SLO {shown(query.slo)}: {hint}")


def _bad_measure(name: str) -> str:
    if name in names.RESERVED_MEASURES:
        return f"vitalspan has a metric {names.measure(name).name} itself: use a signal for it"
    return bad_name(name, "measure")
