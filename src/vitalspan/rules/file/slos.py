"""Reads SLOs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, cast

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node, Scalar, is_nothing
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import flag_of, value_of
from vitalspan.rules.burn_rate_alerts import too_short
from vitalspan.rules.file.labels import read_annotations, read_by, read_labels, read_where
from vitalspan.rules.file.slo_events import EVENT_FIELDS, read_events
from vitalspan.rules.model import Severity, Slo, SloAlert
from vitalspan.rules.severities import entries_by_severity, read_severity
from vitalspan.units import RATIO
from vitalspan.words import shown

SLO_FIELDS: Final = (
    "name",
    "where",
    "by",
    "objective",
    "window",
    *EVENT_FIELDS,
    "min_count",
    "min_bad",
    "alert",
    "alerts",
    "labels",
    "annotations",
)

_TAKEN: Final = {
    "alertname": "it is the name of the rule",
    "severity": "each alert has its own",
    "slo": "it is the name of the SLO",
    "long_window": "each alert has its own",
}
_NOT_BY: Final = {
    "slo": _TAKEN["slo"],
    "long_window": _TAKEN["long_window"],
    "le": "each series of a histogram counts all calls up to its bucket",
}
_RAISED: Final[tuple[Severity, ...]] = ("critical", "warning")
_ALERT_FIELDS: Final = ("severity", "labels", "annotations")
_USABLE_ALERTS: Final = "use critical (or page) and warning (or ticket), such as {warning: off}"
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*", re.ASCII)


def read_slo(node: Node, report: Report) -> tuple[str | None, Slo | None]:
    """Return the name of an SLO, and the SLO unless there is a mistake in it."""
    fields = Fields(node, SLO_FIELDS, report, usable="fields such as name and objective")
    name = fields.name("name", "a name such as checkout-availability")
    if name is not None and not _NAME.fullmatch(name):
        problem = f"{shown(name)} is not the name of an SLO"
        fields.report.wrong(
            cast("Node", fields.get("name")).place,
            f"{problem}: use letters, digits, - and _, with a letter first",
        )
    objective = _objective(fields)
    events, of = read_events(fields)
    where, by = read_where(fields, of), read_by(fields, of)
    for label in _NOT_BY.keys() & by:
        fields.wrong(f"an SLO cannot have the label {label} in `by`: {_NOT_BY[label]}", "by")
    window = fields.seconds("window", Slo.window)
    fields.wrong(too_short(window), "window")
    min_count = fields.whole_number("min_count", "a number of calls such as 20")
    min_bad = fields.whole_number("min_bad", "a number of bad calls such as 2", Slo.min_bad)
    alert = fields.name("alert", "a name such as CheckoutFailing") if "alert" in fields else None
    alerts = tuple(_alerts(fields, by))
    labels = read_labels(fields, _TAKEN | dict.fromkeys(by, "it is one of those in `by`"))
    annotations = read_annotations(fields, by, _hint(by))
    if name is None or objective is None:
        return name, None
    return name, Slo(
        name,
        objective,
        where,
        events.under,
        window,
        labels,
        annotations,
        min_count,
        min_bad,
        alert=alert or "",
        alerts=alerts,
        good=events.good,
        bad=events.bad,
        by=by,
        counted=events.counted,
    )


def _alerts(fields: Fields, by: tuple[str, ...]) -> Iterator[SloAlert]:
    """Yield the settings of the alerts of each severity."""
    report = fields.report
    node = fields.get("alerts")
    if isinstance(node, Scalar) and not is_nothing(node):
        if not fields.flag("alerts", default=True):
            yield from (SloAlert(severity, None) for severity in _RAISED)
        return
    usable = "severities such as {critical: off}"
    for severity, key, each in entries_by_severity(fields, "alerts", usable):
        if severity in _RAISED:
            yield _alert(severity, each, report, by)
        else:
            report.wrong(key, f"an SLO has no alert of severity {severity}: {_USABLE_ALERTS}")


def _alert(severity: Severity, node: Node, report: Report, by: tuple[str, ...]) -> SloAlert:
    if isinstance(node, Scalar) and not is_nothing(node):
        on = flag_of(node, report)
        return SloAlert(severity, severity if on else None)
    fields = Fields(node, _ALERT_FIELDS, report, usable="off, or fields such as labels")
    raised = fields.get("severity")
    return SloAlert(
        severity,
        severity if raised is None else read_severity(raised, report),
        read_labels(fields, _TAKEN),
        read_annotations(fields, by, _hint(by)),
    )


def _hint(by: tuple[str, ...]) -> str:
    return "add it to `by`, or leave it out" if by else "leave it out"


def _objective(fields: Fields) -> float | None:
    node = fields.required("objective", "add the share of good calls, such as 99.9%")
    if node is None:
        return None
    objective = value_of(node, RATIO, fields.report)
    if objective is None or 0 < objective < 1:
        return objective
    content = fields.report.shown(node)
    problem = f"{content} is not between 0% and 100%: use a share such as 99.9%"
    if objective == 1:
        problem = f"{content} leaves no room for any error: use a share such as 99.9%"
    elif 1 < objective < 100 and "%" not in content:
        problem = f"{content} is not between 0% and 100%: did you mean {objective:g}%?"
    fields.report.wrong(node.place, problem)
    return None
