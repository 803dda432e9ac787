"""Rules and SLOs in English: their conditions, and when their alerts fire and clear."""

from __future__ import annotations

from textwrap import indent
from typing import Final

from vitalspan.compiler.condition import condition
from vitalspan.compiler.context import context_of
from vitalspan.describe.query_text import query_text, threshold_text, where_text
from vitalspan.promql.context import PromqlContext
from vitalspan.rules.burn_rate_alerts import burn_group, capped
from vitalspan.rules.model import (
    CountedEvents,
    ExpressionRule,
    Group,
    Level,
    RecordedExpression,
    Rule,
    RuleSet,
    Slo,
)
from vitalspan.signals.catalogue import signal_of, unit_of
from vitalspan.units import SECONDS
from vitalspan.words import duration_words, listed

_WITHOUT_DATA: Final = {
    "ok": "",
    "alert": "it also fires without data",
    "keep": "it stays as it is without data",
}


def explain(rules: RuleSet) -> str:
    """Return every group, rule and SLO in a sentence and in PromQL."""
    context = context_of(rules)
    parts = [_group(group, context) for group in rules.groups]
    parts += [_slo(slo, context) for slo in rules.slos]
    return "\n\n".join(parts)


def rule_sentence(rule: Rule) -> str:
    """Return when a rule's alert fires and clears."""
    unit = unit_of(rule.query)
    side = "above" if rule.above else "below"
    levels = [f"{threshold_text(one.threshold, unit)} ({one.severity})" for one in rule.levels]
    fires = f"{rule.alert} fires when {query_text(rule.query)} is {side} {listed(levels, 'or')}"
    if rule.for_seconds:
        fires += f" for {duration_words(rule.for_seconds)}"
    return "; ".join([fires, *_conditions(rule)]) + "."


def _conditions(rule: Rule) -> list[str]:
    """Return the further conditions of an alert."""
    unit, signal = unit_of(rule.query), signal_of(rule.query)
    conditions = []
    clears = {level.severity: level.clear for level in rule.levels if level.clear is not None}
    if clears:
        is_one = len(set(clears.values())) == 1 and len(clears) == len(rule.levels)
        texts = [
            f"{threshold_text(clear, unit)}{'' if is_one else f' ({severity})'}"
            for severity, clear in clears.items()
        ]
        conditions.append(f"it clears at {listed(tuple(dict.fromkeys(texts)))}")
    if rule.keep_firing_for:
        duration = duration_words(rule.keep_firing_for)
        conditions.append(f"it keeps firing for {duration} after the value has recovered")
    if rule.query.whole_window and rule.query.derive is None:
        conditions.append(
            f"it waits until there are {duration_words(rule.query.window)} of history"
        )
    if rule.min_count:
        conditions.append(f"it needs at least {rule.min_count} {signal.source.samples}")
    if rule.query.min_bad:
        conditions.append(f"it needs at least {rule.query.min_bad} bad {signal.source.samples}")
    return [*conditions, *filter(None, [_WITHOUT_DATA[rule.no_data]])]


def slo_sentence(slo: Slo) -> str:
    """Return the objective of an SLO."""
    good = (
        "do not raise"
        if slo.under is None
        else f"take at most {threshold_text(slo.under, SECONDS)}"
    )
    if slo.good:
        good = f"have{where_text(slo.good)[3:]}"
    if slo.bad:
        good = f"do not have{where_text(slo.bad)[3:]}"
    what = f"the calls{where_text(slo.where)}"
    if slo.counted is not None:
        what, good = _counted_text(slo, slo.counted)
    budget = _percent(1.0 - slo.objective)
    alerts = f"its alerts fire when the other {budget}, the error budget, are used up too fast"
    if not burn_group(slo).rules:
        alerts = "it raises no alerts"
    return (
        f"{slo.name} asks that {_percent(slo.objective)} of {what} "
        f"{good}, over {duration_words(slo.window)}; {alerts}."
    )


def _counted_text(slo: Slo, counted: CountedEvents) -> tuple[str, str]:
    """Return the events that an SLO counts, and which of them are good."""
    total, judged = counted.total, counted.judged
    what = f"the events that {total.series}{where_text((*slo.where, *total.where))} counts"
    not_bad = "" if counted.judged_are_good else "not "
    return what, f"are {not_bad}counted by {judged.series}{where_text((*slo.where, *judged.where))}"


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.10g} %"


def _group(group: Group, context: PromqlContext) -> str:
    head = f"Group {group.name}"
    if group.interval is not None:
        head += f", every {duration_words(group.interval)}"
    if group.limit:
        head += f", with at most {group.limit} alerts per rule"
    rules = [_rule(rule, context) for rule in group.rules]
    rules += [_expression(rule) for rule in group.expressions]
    return "\n\n".join([f"{head}:", *rules])


def _expression(rule: ExpressionRule | RecordedExpression) -> str:
    if isinstance(rule, RecordedExpression):
        sentence = f"{rule.record} is recorded from an expression."
    else:
        sentence = f"{rule.alert} fires for each series that an expression gives"
        if rule.for_seconds:
            sentence += f" for {duration_words(rule.for_seconds)}"
        if rule.keep_firing_for:
            duration = duration_words(rule.keep_firing_for)
            sentence += f"; it keeps firing for {duration} after the series has gone"
        sentence += "."
    return "\n".join([f"  {sentence}", indent(rule.expr, " " * 4)])


def _slo(slo: Slo, context: PromqlContext) -> str:
    rules = [_rule(rule, context) for rule in burn_group(slo).rules]
    notes = [f"  Note: {note}." for note in capped(slo)]
    return "\n\n".join(["\n".join([f"SLO {slo_sentence(slo)}", *notes]), *rules])


def _rule(rule: Rule, context: PromqlContext) -> str:
    expressions = [_promql(rule, level, context) for level in rule.levels]
    return "\n".join([f"  {rule_sentence(rule)}", *expressions])


def _promql(rule: Rule, level: Level, context: PromqlContext) -> str:
    text = str(condition(rule, level, context))
    return indent(f"{level.severity}:\n{indent(text, '  ')}", " " * 4)
