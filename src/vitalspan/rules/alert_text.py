"""The message and the annotations of an alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vitalspan.resource import external_labels
from vitalspan.rules.annotation_templates import fill, labels_of
from vitalspan.rules.model import Rule
from vitalspan.signals.catalogue import signal_of, subject_of, unit_of
from vitalspan.units import duration_text, value_text

TARGET_LABELS: Final = frozenset({"job", "instance"})
"""The labels of scrape targets."""


def annotations_of(rule: Rule, value: float | None, labels: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations of a rule, with their templates filled in for an alert.

    They may use `job` and `instance`, which the alert gets when it is sent.
    """
    if any(not TARGET_LABELS.isdisjoint(labels_of(text)) for _, text in rule.annotations):
        labels = {**external_labels(), **labels}
    return {name: fill(text, value, labels) for name, text in rule.annotations}


def message(
    rule: Rule, level: int, value: float | None, labels: Mapping[str, str], covered: float
) -> str:
    """Return a sentence that says what is wrong.

    Args:
        rule: the rule.
        level: the index of the dominant level.
        value: the value of the signal; None without data.
        labels: the labels of the alert.
        covered: the length of the history in seconds.
    """
    query, unit = rule.query, unit_of(rule.query)
    what = subject_of(query)
    about = [labels[name] for name in query.by if labels.get(name)]
    about = about or [one.value for one in query.where if one.operator in ("=", "=~")]
    about = about or [query.slo or ""]
    of = f" of {', '.join(about)}" if about[0] else ""
    if value is None:
        return f"{what}{of} has no data"
    threshold = rule.levels[level].threshold
    beyond = value > threshold if rule.above else value < threshold
    side = ("" if beyond else "was ") + ("above" if rule.above else "below")
    short = covered < query.window and not signal_of(query).instant
    since = f" ({duration_text(max(1, round(covered)))} of history)" if short else ""
    return f"{what}{of} is {value_text(value, unit)}, {side} {value_text(threshold, unit)}{since}"
