"""A row about vitalspan itself: what it costs, what it leaves out, what fails in it."""

from __future__ import annotations

from typing import Final

from vitalspan import names
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import number, time_series
from vitalspan.artifacts.grafana.queries import TARGETS, Queries
from vitalspan.artifacts.grafana.styles import BAD, GOOD, Line, Panel

_PARTS: Final = {"counting": names.FOLD.name, "rules": names.TICK.name}
"""What vitalspan takes time for beside the calls."""


def itself(page: Page, queries: Queries) -> None:
    """Add what vitalspan says of itself."""
    page.row(
        "vitalspan itself",
        _state(queries),
        _series(queries),
        _shares(queries),
        _means(queries),
        _inside(queries),
        _outside(queries),
        widths=(4, 4, 8, 8, 12, 12),
    )


def _state(queries: Queries) -> Panel:
    failed = queries.series(names.RULES_RELOAD_FAILED.name, TARGETS)
    return number(
        "Rule file",
        "Mistake: the rule file was changed and has a mistake in some process, which keeps to the "
        "rules before; its log says which.",
        "none",
        Line(f"max({failed})", "rule file"),
        names={0: ("in force", GOOD), 1: ("mistake", BAD)},
        no_value="no file",
        sparkline=False,
    )


def _series(queries: Queries) -> Panel:
    return number(
        "Most label sets",
        "Sets of operation labels of the process that has most. At max_series, 2,000 by default, "
        "further ones are recorded as _overflow.",
        "none",
        Line(f"max({queries.series(names.SERIES.name, TARGETS)})", "label sets"),
    )


def _shares(queries: Queries) -> Panel:
    return time_series(
        "Time taken",
        "Time that vitalspan itself takes for counting calls and for evaluating rules; 100 % is "
        "one processor all the time.",
        "percentunit",
        [
            Line(f"sum by (job) ({queries.rate(f'{metric}_sum', TARGETS)})", f"{part} {{{{job}}}}")
            for part, metric in _PARTS.items()
        ],
    )


def _means(queries: Queries) -> Panel:
    def mean(metric: str) -> str:
        taken, times = (queries.rate(f"{metric}_{end}", TARGETS) for end in ("sum", "count"))
        return f"sum by (job) ({taken}) / (sum by (job) ({times}) > 0)"

    return time_series(
        "Mean time of a turn",
        "How long it takes to count a batch of calls once, and to evaluate all rules once. A tick "
        "that takes longer than its interval, 1 s by default, is late.",
        "s",
        [Line(mean(metric), f"{part} {{{{job}}}}") for part, metric in _PARTS.items()],
    )


def _inside(queries: Queries) -> Panel:
    errors = queries.increase(names.INTERNAL_ERRORS.name, TARGETS)
    return time_series(
        "Faults of the instrumentation",
        "Faults inside vitalspan since the point before, by where. They never reach your code; the "
        "log tells each kind once. Anything above 0 is worth a report.",
        "short",
        [Line(f"sum by (where) ({errors})", "{{where}}")],
        decimals=0,
    )


def _outside(queries: Queries) -> Panel:
    refused = queries.increase(names.SERIES_OVERFLOWS.name, TARGETS)
    collectors = queries.increase(names.COLLECTOR_ERRORS.name, TARGETS)
    rules = queries.increase(names.RULE_FAILURES.name, TARGETS)
    return time_series(
        "Left out",
        "Since the point before: sets of labels that were one too many and went to _overflow, "
        "collectors that raised and lack in a scrape, rules that could not be evaluated. The "
        "latter two have no line until it happens.",
        "short",
        [
            Line(f"sum({refused})", "label sets"),
            Line(f"sum by (collector) ({collectors})", "collector {{collector}}"),
            Line(f"sum by (alertname) ({rules})", "rule {{alertname}}"),
        ],
        decimals=0,
    )
