"""Queries and their values in English."""

from __future__ import annotations

import math
from typing import Final

from vitalspan.promql.matchers import Matcher
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.query import Derivation, Query
from vitalspan.units import PER_SECOND, SECONDS, Unit, value_text
from vitalspan.words import duration_words, listed

_MIN_IN_WORDS: Final = 60.0
"""The number of seconds from which a duration is written in words."""

_DECIMAL: Final = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_OPERATORS: Final = {"=": "", "!=": "other than ", "=~": "like ", "!~": "not like "}


def query_text(query: Query) -> str:
    """Return the description of a query, as the subject of a sentence."""
    signal = signal_of(query)
    text = f"{signal.name}{where_text(query.where)} ({signal.summary_of(query)})"
    if query.increase:
        text = f"the increase of {text}"
    if not signal.instant:
        text += f" over {duration_words(query.window)}"
    if query.short is not None:
        text += f" and also over {duration_words(query.short)}"
    if query.derive is not None:
        text = _derivation_text(query.derive, text, signal.unit)
    return f"{text}, for each {listed(query.by)} separately," if query.by else text


def where_text(where: tuple[Matcher, ...]) -> str:
    """Return conditions on labels: ` of operation checkout and tier other than test`."""
    conditions = [f"{one.label} {_OPERATORS[one.operator]}{one.value or 'none'}" for one in where]
    return f" of {listed(conditions)}" if conditions else ""


def threshold_text(value: float, unit: Unit) -> str:
    """Return a value as people would write it in a rule."""
    if unit == SECONDS and value >= _MIN_IN_WORDS:
        return duration_words(value)
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


def _derivation_text(derivation: Derivation, text: str, unit: Unit) -> str:
    over, ahead = duration_words(derivation.over), duration_words(derivation.horizon)
    limit = threshold_text(derivation.limit, unit)
    texts = {
        "change": f"the change within {over} of",
        "slope": f"the growth per hour within {over} of",
        "anomaly": f"the distance in standard deviations from the usual value within {over} of",
        "forecast": f"the forecast for {ahead} ahead, based on {over}, of",
        "until": f"the time, based on {over}, until {limit} is crossed by",
    }
    return f"{texts[derivation.kind]} {text}"
