"""The texts of exported alerts: those of the rule, and defaults for the others."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from vitalspan.artifacts.options import Options
from vitalspan.describe.rule_text import rule_sentence
from vitalspan.rules.model import Level, Rule
from vitalspan.signals.catalogue import subject_of, unit_of
from vitalspan.signals.query import Query
from vitalspan.units import Unit, value_text

_SHOWN: Final = {
    "seconds": "{{ $value | humanizeDuration }}",
    "ratio": "{{ $value | humanizePercentage }}",
    "bytes": "{{ $value | humanize1024 }}B",
    "dollars": "${{ $value | humanize }}",
    "number": "{{ $value | humanize }}",
}

_URL_ENDS: Final = ("/", "#", "=")


def texts(rule: Rule, level: Level, options: Options) -> dict[str, str]:
    """Return all texts of a level's alert, as templates of Prometheus."""
    annotations = {"summary": _summary(rule, level), "description": _plain(rule_sentence(rule))}
    if options.runbook_url:
        annotations["runbook_url"] = _runbook(options.runbook_url, rule.alert)
    return annotations | dict(rule.annotations)


def _summary(rule: Rule, level: Level) -> str:
    query = rule.query
    unit = unit_of(query)
    side = "above" if rule.above else "below"
    limit = value_text(level.threshold, unit)
    return f"{_subject(query)} is {_value(unit)}, {side} {limit}"


def _subject(query: Query) -> str:
    what = subject_of(query)
    about = [f"{{{{ $labels.{label} }}}}" for label in query.by]
    values = [one.value for one in query.where if one.operator in ("=", "=~") and one.value]
    about += [_plain(value) for value in values] if not about else []
    if query.slo is not None:
        about.append(_plain(query.slo))
    return f"{what} of {', '.join(about)}" if about else what


def _value(unit: Unit) -> str:
    return _SHOWN[unit.dimension] + (f"/{unit.per}" if unit.per else "")


def _plain(text: str) -> str:
    """Return a text escaped for a template, so that it is shown unchanged."""
    return text.replace("{{", '{{ "{{" }}')


def _runbook(url: str, alert: str) -> str:
    name = quote(alert, safe="")
    if "{alertname}" in url:
        return url.replace("{alertname}", name)
    return url + name if url.endswith(_URL_ENDS) else f"{url}/{name}"
