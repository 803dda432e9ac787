"""Selectors are found in queries as a parser finds them."""

from __future__ import annotations

import promql_parser
import pytest
import yaml

from support.dashboards import DASHBOARDS, expanded, queries, vectors
from vitalspan.artifacts.export import RULES, export
from vitalspan.artifacts.options import Options
from vitalspan.demo.alerts import RULES as DEMO_RULES
from vitalspan.promql.find_selectors import Selector, selectors
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import load


def promql_of_everything() -> list[str]:
    rules = yaml.safe_load(
        export(with_burn_rate_alerts(load(DEMO_RULES)), Options(interval=5.0))[RULES]
    )
    found = [expanded(query.text) for one in DASHBOARDS.values() for query in queries(one)]
    return found + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


ODD = [
    'rate({__name__=~"x.*",a!="b}"}[5m] offset 1d)',
    "sum by (job) (x) / on (job) group_left (version) y{a='}'}",
    "sum(x) by (job) > bool inf",
    "topk(3, max without (le) (x @ end()))  # of y\n and z",
    "max_over_time(rate(x[5m])[1h:1m]) - -y",
    "label_replace(x, 'a', '$1', 'b', `(.*)`) * 1e-3 + 0x1F",
    'count_values("v", x) unless ignoring (v) y',
    "job:x:rate5m{slo!~'a|b',}",
    "histogram_quantile(.9, x) ^ 2 % 3 atan2 y",
    "vector(1)",
    'x{a="\\"}"}',
]


@pytest.mark.parametrize("promql", [*ODD, "all dashboards and rules"])
def test_selectors_are_those_of_a_parser(promql: str) -> None:
    for text in promql_of_everything() if promql.startswith("all") else [promql]:
        read_again = [vector for one in selectors(text) for vector in vectors(str(one))]
        assert {*map(said, read_again)} == {*map(said, vectors(text))}, text


def said(vector: promql_parser.VectorSelector) -> tuple[str, ...]:
    """A selector's name and matchers."""
    return (vector.name or "", *map(str, vector.matchers.matchers))


def test_a_selector_knows_how_long_ago_it_is() -> None:
    [now, before, later] = selectors("rate(x[5m]) / rate(x[5m] offset 1d) - x offset -1h")
    assert (now, before.ago, later.ago) == (Selector("x", ()), " offset 1d", " offset -1h")
    assert str(before) == "x offset 1d"
