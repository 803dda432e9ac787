"""Reads the traffic of a scenario: calls, stuck calls, cache lookups and calls to APIs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import MAX_SECONDS, text_of, value_of
from vitalspan.rules.file.labels import bad_name
from vitalspan.rules.model import Pairs
from vitalspan.scenarios.model import ApiCalls, CacheLookups, Calls, Period, StuckCall, Traffic
from vitalspan.units import DOLLARS, NUMBER, PER_SECOND, RATIO, Unit

SECTIONS: Final = ("calls", "stuck", "caches", "apis")

_PERIOD: Final = ("from", "to")


def read_traffic(scenario: Fields) -> tuple[Traffic, ...]:
    """Return the traffic of a scenario; invalid parts are reported and left out."""
    readers: dict[str, Callable[[Node, Report], Traffic | None]] = dict(
        zip(SECTIONS, (_calls, _stuck_call, _cache_lookups, _api_calls), strict=True)
    )
    traffic = [
        reader(node, scenario.report)
        for section, reader in readers.items()
        for node in scenario.items_of(section, "a list")
    ]
    return tuple(one for one in traffic if one is not None)


def read_labels(fields: Fields) -> Pairs:
    """Return the labels of operations or alerts."""
    labels = []
    for name, key, node in fields.entries_of("labels", "names and values"):
        fields.report.wrong(key, bad_name(name))
        labels.append((name, text_of(node, "a text", fields.report) or ""))
    return tuple(labels)


def _calls(node: Node, report: Report) -> Calls | None:
    names = ("operation", "component", "labels", "rate", "takes", "errors", "measures", *_PERIOD)
    fields = Fields(node, names, report, usable="operation, rate and takes")
    operation = fields.name("operation", "an operation")
    amounts = fields.entries_of("measures", "names and amounts")
    measures = tuple((name, value_of(one, NUMBER, report) or 0.0) for name, _, one in amounts)
    calls = Calls(
        operation or "",
        _period(fields),
        _component(fields),
        read_labels(fields),
        _rate(fields),
        fields.seconds("takes", 0.0),
        _share(fields, "errors", 0.0),
        measures,
    )
    return calls if operation else None


def _stuck_call(node: Node, report: Report) -> StuckCall | None:
    names = ("operation", "component", "labels", *_PERIOD)
    fields = Fields(node, names, report, usable="operation, from and to")
    operation = fields.name("operation", "an operation")
    call = StuckCall(operation or "", _period(fields), _component(fields), read_labels(fields))
    return call if operation else None


def _cache_lookups(node: Node, report: Report) -> CacheLookups | None:
    names = ("cache", "component", "rate", "hits", *_PERIOD)
    fields = Fields(node, names, report, usable="cache, rate and hits")
    cache = fields.name("cache", "a cache")
    hits = _share(fields, "hits", 1.0)
    lookups = CacheLookups(cache or "", _period(fields), _component(fields), _rate(fields), hits)
    return lookups if cache else None


def _api_calls(node: Node, report: Report) -> ApiCalls | None:
    names = ("api", "component", "rate", "errors", "tokens", "cost", *_PERIOD)
    fields = Fields(node, names, report, usable="api and rate")
    api = fields.name("api", "an API")
    calls = ApiCalls(
        api or "",
        _period(fields),
        _component(fields),
        _rate(fields),
        _share(fields, "errors", 0.0),
        _amount(fields, "tokens", NUMBER, 0.0),
        _amount(fields, "cost", DOLLARS, 0.0),
    )
    return calls if api else None


def _period(fields: Fields) -> Period:
    begin = fields.seconds("from", 0.0)
    end = fields.seconds("to", MAX_SECONDS)
    if end <= begin:
        fields.wrong("is not after from: use a later time", "to")
    return Period(begin, end)


def _component(fields: Fields) -> str | None:
    return fields.text("component", "a component")


def _rate(fields: Fields) -> float:
    return _amount(fields, "rate", PER_SECOND, 1.0)


def _share(fields: Fields, name: str, default: float) -> float:
    share = _amount(fields, name, RATIO, default)
    if share > 1:
        fields.wrong("is more than 100%: use 0% to 100%", name)
    return share


def _amount(fields: Fields, name: str, unit: Unit, default: float) -> float:
    amount = fields.value(name, unit) if name in fields else None
    if amount is not None and amount < 0:
        fields.wrong(f"{amount:g} is negative: use a value from 0 up", name)
    return default if amount is None else amount
