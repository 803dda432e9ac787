"""Every rule of grafana/dashboard-linter holds, and each would find what it is for."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest

from support.dashboard_lint import RULES, Complaint
from support.dashboards import DASHBOARDS, Dashboard, panels, variables

GOOD: Final = DASHBOARDS["overview.json"]


class Exclusion(NamedTuple):
    """Complaints that are right, and yet nothing is to be changed."""

    rule: str
    uid: str
    said: str
    reason: str


EXCLUSIONS: Final = (
    Exclusion(
        "target-rate-interval-rule",
        "vitalspan-overview",
        r"(Slowest|Most failing) operations: rate over 0:05:00",
        "a table of the worst is of a time that does not depend on the width of the screen",
    ),
    Exclusion(
        "target-instance-rule",
        "vitalspan-fleet",
        r".*: job(_component)?:\w+:\w+ of every instance",
        "what is recorded of a whole job has no instance any more",
    ),
    *(
        Exclusion(
            f"target-{label}-rule",
            "vitalspan-background",
            rf".*: job_\w+ of every {label}",
            "what a batch job has pushed has the labels of its gateway",
        )
        for label in ("job", "instance")
    ),
)


def text(complaint: Complaint) -> str:
    return f"{complaint.where}: {complaint.said}"


def excluding(rule: str, uid: str, said: str) -> Exclusion | None:
    for one in EXCLUSIONS:
        if (one.rule, one.uid) == (rule, uid) and re.fullmatch(one.said, said):
            return one
    return None


@pytest.mark.parametrize("name", DASHBOARDS)
@pytest.mark.parametrize("rule", RULES)
def test_it_holds(rule: str, name: str) -> None:
    dashboard = DASHBOARDS[name]
    found = [text(one) for one in RULES[rule](dashboard)]
    assert [said for said in found if excluding(rule, dashboard["uid"], said) is None] == []


def test_every_exclusion_is_needed() -> None:
    used = {
        excluding(rule, dashboard["uid"], text(complaint))
        for rule, check in RULES.items()
        for dashboard in DASHBOARDS.values()
        for complaint in check(dashboard)
    }
    assert used == set(EXCLUSIONS)


def variable(dashboard: Dashboard, name: str) -> dict[str, Any]:
    return next(one for one in variables(dashboard) if one["name"] == name)


def panel(dashboard: Dashboard, kind: str) -> dict[str, Any]:
    return next(one for one in panels(dashboard) if one["type"] == kind)


def set_variable(name: str, /, **fields: Any) -> Callable[[Dashboard], None]:
    return lambda dashboard: variable(dashboard, name).update(fields)


def set_panel(kind: str, /, **fields: Any) -> Callable[[Dashboard], None]:
    return lambda dashboard: panel(dashboard, kind).update(fields)


def set_expr(expr: str) -> Callable[[Dashboard], None]:
    return lambda dashboard: panel(dashboard, "timeseries")["targets"][0].update(expr=expr)


def set_unit(unit: str | None) -> Callable[[Dashboard], None]:
    def change(dashboard: Dashboard) -> None:
        panel(dashboard, "stat")["fieldConfig"]["defaults"]["unit"] = unit

    return change


def drop_variable(name: str) -> Callable[[Dashboard], None]:
    return lambda dashboard: variables(dashboard).remove(variable(dashboard, name))


SELECTED: Final = '{job=~"$job",instance=~"$instance"}'

BAD: Final[list[tuple[str, Callable[[Dashboard], None], str]]] = [
    ("template-datasource-rule", drop_variable("datasource"), "0 variables"),
    ("template-datasource-rule", set_variable("datasource", name="source"), "no name of a data"),
    ("template-datasource-rule", set_variable("datasource", label="Source"), "label Source"),
    ("template-job-rule", drop_variable("job"), "is missing"),
    ("template-job-rule", set_variable("job", multi=False), "multi is False"),
    ("template-job-rule", set_variable("job", allValue=".*"), "allValue is '.*'"),
    ("template-job-rule", set_variable("job", type="custom"), "type is 'custom'"),
    ("template-job-rule", set_variable("job", label="job"), "label is 'job'"),
    ("template-job-rule", set_variable("job", datasource={"uid": "x"}), "source of its own"),
    ("template-instance-rule", drop_variable("instance"), "is missing"),
    ("template-instance-rule", set_variable("instance", multi=False), "multi is False"),
    ("template-label-promql-rule", set_variable("job", query={"query": "up"}), "no query of"),
    (
        "template-label-promql-rule",
        set_variable("job", query={"query": "label_values(up{, job)"}),
        "up{",
    ),
    ("template-on-time-change-reload-rule", set_variable("job", refresh=1), "not read again"),
    ("panel-datasource-rule", set_panel("table", datasource={"uid": "mine"}), "mine"),
    ("panel-datasource-rule", set_panel("stat", targets=[{"expr": "up"}]), "None"),
    ("panel-title-description-rule", set_panel("stat", description=""), "no description"),
    ("panel-title-description-rule", set_panel("stat", title=""), "no title"),
    ("panel-units-rule", set_unit("seconds"), "'seconds'"),
    ("panel-units-rule", set_unit(None), "None"),
    ("panel-no-targets-rule", set_panel("timeseries", targets=[]), "asks nothing"),
    ("target-promql-rule", set_expr("sum(rate(x[5m])"), "sum(rate(x[5m])"),
    ("target-promql-rule", set_expr("rate(x)"), "rate(x)"),
    ("target-rate-interval-rule", set_expr("sum(rate(x[5m]))"), "rate over 0:05:00"),
    ("target-rate-interval-rule", set_expr("irate(x[$__interval])"), "irate over"),
    ("target-job-rule", set_expr('up{instance=~"$instance"}'), "up of every job"),
    ("target-job-rule", set_expr(f'up{SELECTED} / up{{job="$job"}}'), "up of every job"),
    ("target-instance-rule", set_expr('up{job=~"$job"}'), "up of every instance"),
    ("target-counter-agg-rule", set_expr(f"sum(x_total{SELECTED})"), "x_total as it is"),
    ("target-counter-agg-rule", set_expr("max_over_time(x_total[5m])"), "x_total as it is"),
    ("uneditable-dashboard", lambda dashboard: dashboard.update(editable=True), "can be edited"),
]


@pytest.mark.parametrize(("rule", "change", "said"), BAD)
def test_it_finds_what_is_bad(rule: str, change: Callable[[Dashboard], None], said: str) -> None:
    dashboard = copy.deepcopy(GOOD)
    before = [*RULES[rule](dashboard)]
    change(dashboard)
    found = [text(one) for one in RULES[rule](dashboard) if one not in before]
    assert any(said in one for one in found), found


def test_every_rule_has_found_something() -> None:
    assert {rule for rule, _, _ in BAD} == set(RULES)
