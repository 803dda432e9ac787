"""Rules in words: what each one asks, and when its alert is raised and cleared."""

from __future__ import annotations

import math
from textwrap import indent
from typing import Final

from vitalspan.rules.model import Group, Level, Rule, RuleSet, Slo
from vitalspan.rules.promql import condition
from vitalspan.rules.slos import burn_group
from vitalspan.signals.catalogue import signal_of, unit_of
from vitalspan.signals.matching import Matcher
from vitalspan.signals.query import Derivation, Query
from vitalspan.signals.signal import Signal
from vitalspan.signals.units import PER_SECOND, SECONDS, Unit, value_text

_PERIODS: Final = (
    ("day", 86_400_000),
    ("hour", 3_600_000),
    ("minute", 60_000),
    ("second", 1000),
    ("millisecond", 1),
)
_IN_WORDS: Final = 60.0
"""Seconds from which on a duration is written in words."""

_DECIMAL: Final = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_OPERATORS: Final = {"=": "", "!=": "other than ", "=~": "like ", "!~": "not like "}
SAMPLES: Final = {
    "operations": "calls",
    "caches": "look-ups",
    "apis": "calls",
    "slos": "calls",
}
_WITHOUT_DATA: Final = {
    "ok": "",
    "alert": "without data it is raised, too",
    "keep": "without data it stays as it is",
}


def explain(rules: RuleSet) -> str:
    """Return every group, rule and SLO in a sentence and in PromQL."""
    objectives = {slo.name: slo.objective for slo in rules.slos}
    parts = [_group(group, objectives) for group in rules.groups]
    parts += [_slo(slo) for slo in rules.slos]
    return "\n\n".join(parts)


def rule_sentence(rule: Rule) -> str:
    """Return when a rule's alert is raised and cleared."""
    unit = unit_of(rule.query)
    side = "above" if rule.above else "below"
    levels = [
        f"as {one.severity} {side} {threshold_text(one.threshold, unit)}" for one in rule.levels
    ]
    stays = f"stays there for {_words(rule.for_seconds)}" if rule.for_seconds else "is there"
    raised = f"{rule.alert} is raised {listed(levels)} when {quantity(rule.query)} {stays}"
    return "; ".join([raised, *_conditions(rule)]) + "."


def _conditions(rule: Rule) -> list[str]:
    """Return what else an alert depends on."""
    unit, signal = unit_of(rule.query), signal_of(rule.query)
    said = []
    clears = {level.severity: level.clear for level in rule.levels if level.clear is not None}
    if clears:
        whole = len(set(clears.values())) == 1 and len(clears) == len(rule.levels)
        texts = [
            f"{threshold_text(clear, unit)}{'' if whole else f' ({severity})'}"
            for severity, clear in clears.items()
        ]
        said.append(f"it clears at {listed(list(dict.fromkeys(texts)))}")
    if rule.keep_firing_for:
        said.append(f"it fires on for {_words(rule.keep_firing_for)} after the value has come back")
    if rule.min_count:
        said.append(f"it needs {rule.min_count} {SAMPLES.get(signal.source, 'samples')}")
    return said + [text for text in [_WITHOUT_DATA[rule.no_data]] if text]


def quantity(query: Query) -> str:
    """Return what is asked, as the middle of a sentence."""
    signal = signal_of(query)
    name = signal.name if query.derive is None else _derived(query.derive, signal)
    asked = [name + _of(query.where), _summary(query, signal)]
    if not signal.instant:
        asked.append(f"over {_words(query.window)}")
    if query.short is not None:
        asked[-1] += f" and over {_words(query.short)} as well"
    if query.by:
        asked.append(f"for each {listed(list(query.by))} by itself")
    return ", ".join(asked) + ","


def _summary(query: Query, signal: Signal) -> str:
    if query.series is not None and not signal.instant:
        return "a counter's growth a second"
    if query.series is not None:
        return f"the {query.aggregate} of its values"
    if query.quantile is not None:
        return signal.summary.replace("NN", f"{query.quantile * 100:g}")
    if query.measure is not None:
        return f"{signal.summary}, counting {query.measure}"
    return signal.summary if query.slo is None else f"{signal.summary}, that of {query.slo}"


def _derived(derived: Derivation, signal: Signal) -> str:
    over = _words(derived.over)
    if derived.kind == "change":
        return f"the change within {over} of {signal.name}"
    if derived.kind == "slope":
        return f"the growth an hour, within {over}, of {signal.name}"
    if derived.kind == "anomaly":
        return (
            f"the distance in standard deviations from its usual value in {over} of {signal.name}"
        )
    if derived.kind == "forecast":
        return (
            f"the forecast for {_words(derived.horizon)} ahead, going by {over}, of {signal.name}"
        )
    limit = threshold_text(derived.limit, signal.unit)
    return f"the time until {limit} is crossed, going by {over}, by {signal.name}"


def _of(where: tuple[Matcher, ...]) -> str:
    conditions = [f"{one.label} {_OPERATORS[one.operator]}{one.value or 'none'}" for one in where]
    return f" of {listed(conditions)}" if conditions else ""


def listed(texts: list[str]) -> str:
    """Return texts as a part of a sentence: `a, b and c`."""
    return " and ".join(part for part in (", ".join(texts[:-1]), texts[-1]) if part)


def threshold_text(value: float, unit: Unit) -> str:
    """Return a value as people would write it in a rule."""
    if unit == SECONDS and value >= _IN_WORDS:
        return _words(value)
    if (
        unit == PER_SECOND
        and value != round(value, 2)
        and math.isclose(value * 60, round(value * 60))
    ):
        return f"{round(value * 60)}/min"
    for name, size in _DECIMAL if unit.dimension == "bytes" else ():
        count = value / size
        if abs(count) >= 1 and count == round(count, 2):
            return f"{count:g} {name}" + (f"/{unit.per}" if unit.per else "")
    return value_text(value, unit)


def _words(seconds: float) -> str:
    rest = round(seconds * 1000)
    parts = []
    for name, size in _PERIODS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts) or "0 seconds"


def slo_sentence(slo: Slo) -> str:
    """Return what an SLO asks for."""
    good = (
        "do not raise"
        if slo.under is None
        else f"take {threshold_text(slo.under, SECONDS)} at most"
    )
    left = _percent(1.0 - slo.objective)
    return (
        f"{slo.name} asks that {_percent(slo.objective)} of the calls{_of(slo.where)} {good}, over "
        f"{_words(slo.window)}; its alerts are about how fast the other {left} are used up."
    )


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.10g} %"


def _group(group: Group, objectives: dict[str, float]) -> str:
    head = f"Group {group.name}"
    if group.interval is not None:
        head += f", every {_words(group.interval)}"
    if group.limit:
        head += f", with {group.limit} alerts a rule at most"
    return "\n\n".join([f"{head}:", *(_rule(rule, objectives) for rule in group.rules)])


def _slo(slo: Slo) -> str:
    objectives = {slo.name: slo.objective}
    rules = [_rule(rule, objectives) for rule in burn_group(slo).rules]
    return "\n\n".join([f"SLO {slo_sentence(slo)}", *rules])


def _rule(rule: Rule, objectives: dict[str, float]) -> str:
    shown = [_promql(rule, level, objectives) for level in rule.levels]
    return "\n".join([f"  {rule_sentence(rule)}", *shown])


def _promql(rule: Rule, level: Level, objectives: dict[str, float]) -> str:
    text = condition(rule, level, objectives=objectives)
    return indent(f"{level.severity}:\n{indent(text, '  ')}", " " * 4)
