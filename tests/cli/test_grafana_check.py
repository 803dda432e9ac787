"""`vitalspan grafana check`, on a Prometheus that has little."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from support.backfill import BackfilledServer
from support.prometheus_server import PrometheusServer
from vitalspan.cli.main import main

HOURS: Final = 3600.0

JOB: Final[dict[str, Any]] = {
    "name": "job",
    "type": "query",
    "query": {"query": "label_values(calls_total, job)"},
    "multi": True,
    "includeAll": True,
    "allValue": ".+",
}


def variable(name: str, query: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "query", "query": query, "includeAll": True, **fields}


def samples(now: float) -> Iterator[tuple[str, float, str]]:
    yield from (("gone", now - 5 * HOURS - seconds, "1") for seconds in range(60, 0, -15))
    series = {
        'calls_total{job="shop",operation="pay"}': "7",
        'calls_total{job="till",operation="sell"}': "7",
        'score{job="shop"}': "NaN",
        'size_count{job="shop"}': "1",
        **{f'many{{which="{which}"}}': "1" for which in "abcdefgh"},
    }
    for ago in range(120, -1, -15):
        for name, value in series.items():
            yield name, now - ago, value


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    home = tmp_path_factory.mktemp("prometheus")
    server = BackfilledServer(home, {"global": {"scrape_interval": "5s"}})
    server.fill(samples(time.time()))
    with server:
        yield server


def saved(directory: Path, *exprs: str, **fields: Any) -> Path:
    """A directory with a dashboard that has a panel for each query."""
    panels = [{"title": "panel", "targets": [{"refId": "A", "expr": one}]} for one in exprs]
    variables = [JOB, *fields.pop("variables", [])]
    content = {"uid": "mine", "title": "Mine", "panels": panels, **fields}
    content["templating"] = {"list": variables}
    directory.mkdir(exist_ok=True)
    (directory / "mine.json").write_text(json.dumps(content))
    return directory


def check(url: str, *arguments: str | Path) -> int:
    try:
        return main(["grafana", "check", url, *map(str, arguments)])
    except SystemExit as ended:
        return int(ended.code or 0)


Check = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def answers(
    prometheus: PrometheusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Check:
    """What comes of a dashboard's queries: the exit code, and a finding for each."""

    def run(*exprs: str, options: Sequence[str] = (), **fields: Any) -> Any:
        directory = saved(tmp_path / "dashboards", *exprs, **fields)
        code = check(prometheus.url, "--dashboards", directory, "--json", *options)
        document = json.loads(capsys.readouterr().out)
        assert sum(document["counts"].values()) == len(document["queries"])
        return code, document["queries"][1:]

    return run


RANGE = "[$__rate_interval]"


def either(metric: str, matchers: str) -> str:
    """A rate of the native or the classic histogram."""
    native = f"histogram_count(rate({metric}{{{matchers}}}{RANGE}))"
    return f"{native} or rate({metric}_count{{{matchers}}}{RANGE})"


@pytest.mark.parametrize(
    ("expr", "cause", "detail"),
    [
        ("cals_total", "metric", "no such metric: cals_total"),
        (f"rate(cals_total{RANGE}) / calls_total", "metric", "no such metric: cals_total"),
        ('job:calls:rate5m{job="shop"}', "metric", "which the rules of  vitalspan rules export"),
        ('calls_total{zone="a"}', "label", 'no such label of calls_total: zone="a"'),
        ('calls_total{zone=~"a.+",job="shop"}', "label", 'zone=~"a.+"'),
        (
            'sum(calls_total{job=~"$job",operation="sel"})',
            "value",
            'no such value of calls_total: operation="sel"; there is pay, sell',
        ),
        ('many{which="z"}', "value", "there is a, b, c, d, e and 3 more"),
        ('calls_total{job="shop",operation="sell"}', "value", "no such combination"),
        ('{job="shop",operation="sell"}', "value", "no such combination"),
        ('{zone!~"a",job="shop",__name__!="calls_total"} > 1', "condition", "only NaN"),
        ('{job!~".+",__name__=~"calls.+"}', "value", "no such combination"),
        ('{__name__=~"cals.+"}', "value", 'no such value: __name__=~"cals.+"; there is'),
        (either("size", 'job="till"'), "value", "no such value of size_count"),
        (either("length", 'job="shop"'), "metric", "no such metric: length_count"),
        (f"({either('size', '')}) > 9", "condition", "none that meets its conditions"),
        ("gone", "range", "no data in range of gone"),
        ("sum(calls_total offset 4d)", "range", "no data in range of calls_total offset 4d"),
        ("calls_total > 7", "condition", "none that meets its conditions"),
        ("score", "condition", "only NaN"),
    ],
)
def test_why_there_is_nothing(expr: str, cause: str, detail: str, answers: Check) -> None:
    code, [found] = answers(expr)
    assert (code, found["status"], found["cause"]) == (1, "nothing", cause)
    assert detail in found["detail"]


@pytest.mark.parametrize(
    "expr",
    [
        'calls_total{job=~"$job"}',
        "sum(rate(calls_total[1m]))",
        "vector(1)",
        "cals_total or vector(0)",
        "gone offset 5h",
    ],
)
def test_where_there_is_data(expr: str, answers: Check) -> None:
    code, [found] = answers(expr)
    assert (code, found["status"], found["detail"]) == (0, "data", "")


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ("sum(calls_total", "parse error"),
        ("calls_total * on (job) group_left () many * on () many", "many-to-many"),
        ('calls_total{job=~"$jobs"}', "the dashboard has no variable jobs"),
    ],
)
def test_what_cannot_be_asked_is_told(expr: str, said: str, answers: Check) -> None:
    code, [found] = answers(expr)
    assert (code, found["status"]) == (1, "error")
    assert said in found["detail"]


def test_a_longer_range_has_more(answers: Check) -> None:
    assert answers("gone", options=["--range", "6h"])[0] == 0


def test_variables_have_the_values_that_are_given(answers: Check) -> None:
    expr = 'calls_total{job=~"$job",operation="pay"}'
    assert answers(expr, options=["--var", "job=shop"])[0] == 0
    assert answers(expr, options=["--var", "job=till", "--var", "job=shop"])[0] == 0
    code, [found] = answers(expr, options=["--var", "job=till"])
    assert code == 1
    assert found["query"] == 'calls_total{job=~"till",operation="pay"}'


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("label_values(operation)", "data"),
        ('label_values(calls_total{job=~"$job"}, operation)', "data"),
        ("label_values(calls_total, zone)", "nothing"),
        ("label_values(zone)", "nothing"),
        ("label_names()", "data"),
        ("metrics(calls_.*)", "data"),
        ("metrics(cals_.*)", "nothing"),
        ("query_result(calls_total)", "data"),
        ("query_result(scalar(calls_total))", "data"),
        ("query_result(cals_total)", "nothing"),
        ("calls_total", "error"),
    ],
)
def test_variables_are_asked_for(query: str, status: str, answers: Check) -> None:
    _, [found] = answers(variables=[variable("v", query)])
    assert (found["kind"], found["title"], found["status"]) == ("variable", "v", status)


def test_patterns_take_parts_of_what_a_query_returns(answers: Check) -> None:
    made = variable("v", "query_result(calls_total)", regex='/operation="(.+?)"/', multi=True)
    _, [_, found] = answers('calls_total{operation=~"$v"}', variables=[made])
    assert found["query"] == 'calls_total{operation=~"(pay|sell)"}'


def test_panels_are_asked_for_once_for_each_value(answers: Check) -> None:
    made = variable("which", "label_values(many, which)", regex="/[ab]/")
    panel = {"title": "of $which", "repeat": "which", "targets": [{"expr": 'many{which="$which"}'}]}
    code, [_, *found] = answers(variables=[made], panels=[panel])
    assert code == 0
    assert [(one["title"], one["status"]) for one in found] == [("of a", "data"), ("of b", "data")]
    none = variable("which", "label_values(many, zone)")
    code, [_, found] = answers(variables=[none], panels=[panel])
    assert code == 1
    assert found["detail"] == "the variable which has no values"


def test_annotations_and_tables_are_asked_for(answers: Check) -> None:
    annotations = {"list": [{"name": "alerts", "expr": "cals_total"}]}
    target = {"expr": "gone", "instant": True}
    code, found = answers(annotations=annotations, panels=[{"title": "t", "targets": [target]}])
    assert code == 1
    assert [(one["kind"], one["cause"]) for one in found] == [
        ("panel", "range"),
        ("annotation", "metric"),
    ]


def test_what_is_empty_on_purpose_is_no_fault(answers: Check) -> None:
    copy = {"title": "Points lost", "targets": [{"refId": "A", "expr": "calls_total > 7"}]}
    code, [found] = answers(panels=[copy], uid="vitalspan-overview")
    why = "the score lacks nothing of 100"
    assert (code, found["status"], found["detail"]) == (0, "on_purpose", why)
    refused = {**copy, "targets": [{"refId": "A", "expr": "calls_total >"}]}
    assert answers(panels=[refused], uid="vitalspan-overview")[0] == 1
    assert answers(panels=[copy])[0] == 1


def test_what_a_process_does_not_use_is_no_fault(answers: Check) -> None:
    code, found = answers("sum(shop_cache_requests_total)", "rate(slo_events_total[5m])")
    assert code == 0
    assert [one["detail"] for one in found] == ["no cache is used", "there is no SLO"]
    assert answers("cache_requests_total", "operation_duration_seconds_count")[0] == 1


def test_it_says_it_all(
    prometheus: PrometheusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = saved(tmp_path / "dashboards", "calls_total", "cals_total", "calls_total >")
    secret = prometheus.url.replace("http://", "http://user:geheim@")
    assert check(secret, "--dashboards", directory) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[:4] == [
        "Mine (mine)",
        "  ok          variable job",
        "  ok          panel A",
        "  NOTHING     panel A: no such metric: cals_total",
    ]
    assert out.splitlines()[-1] == (
        "4 queries: 2 with data, 0 empty on purpose, 1 with no data, 1 refused"
    )
    assert check(secret, "--dashboards", directory, "--json") == 1
    shown = json.loads(capsys.readouterr().out)["url"]
    assert shown == prometheus.url


def test_the_built_in_dashboards_are_looked_at(
    prometheus: PrometheusServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(prometheus.url, "--metric-prefix", "shop_") == 1
    out = capsys.readouterr().out
    assert "vitalspan / Overview (vitalspan-overview)" in out
    assert "no such metric: shop_health_score" in out
    assert out.splitlines()[-1].endswith("0 refused")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["http://h", "--range", "soon"], "'soon' is not a duration"),
        (["http://h", "--range", "1s"], "less than 60s"),
        (["http://h", "--var", "job"], "'job' is not NAME=VALUE"),
        (
            ["http://h", "--var", "tier=a"],
            "--var: no dashboard has a variable tier; there are",
        ),
        (["http://h", "--dashboards", "d", "--metric-prefix", "x_"], "--metric-prefix"),
        (["http://h", "--allow-empty", "Calss"], "dashboard is called Calss"),
        ([], "required: URL"),
    ],
)
def test_arguments_that_cannot_be_used(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["grafana", "check", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "files", "said"),
    [
        ("file:///etc/passwd", {"a.json": '{"panels": []}'}, "needs http:// or https://"),
        ("http://h", None, "d cannot be read: No such file"),
        ("http://h", {}, "d has no dashboards"),
        ("http://h", {"a.json": "{"}, "a.json: not JSON"),
    ],
)
def test_what_cannot_be_read_is_told(
    url: str,
    files: dict[str, str] | None,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = tmp_path / "d"
    if files is not None:
        directory.mkdir()
        for name, text in files.items():
            (directory / name).write_text(text)
    assert check(url, "--dashboards", directory) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_files_without_a_dashboard_do_not_end_it(
    prometheus: PrometheusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = saved(tmp_path / "d", "calls_total")
    other = saved(tmp_path / "d" / "team", "calls_total", title="Team") / "package.json"
    other.write_text('{"name": "x"}')
    assert check(prometheus.url, "--dashboards", directory) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"skipped  {other}: no dashboard"
    assert [line for line in lines if not line.startswith(" ")][1:3] == [
        "Mine (mine)",
        "Team (mine)",
    ]
    (directory / "broken.json").write_text("{")
    assert check(prometheus.url, "--dashboards", directory) == 1
    assert capsys.readouterr().out.startswith(f"ERROR  {directory / 'broken.json'}: not JSON: ")
    assert check(prometheus.url, "--dashboards", directory, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert [(one["path"], one["bad"]) for one in document["skipped"]] == [
        (str(directory / "broken.json"), True),
        (str(other), False),
    ]
    assert document["counts"]["data"] == 4


@pytest.mark.parametrize(
    "allowed",
    ["panel", "panel A", "mine", "Mine", "mine/panel", "Mine/panel A"],
)
def test_what_is_ones_own_can_be_allowed_to_be_empty(allowed: str, answers: Check) -> None:
    code, [found] = answers("calls_total > 7", options=["--allow-empty", allowed])
    assert (code, found["status"], found["detail"]) == (0, "on_purpose", "allowed to be empty")


def test_variables_and_annotations_can_be_allowed_to_be_empty(answers: Check) -> None:
    made = variable("zone", "label_values(calls_total, zone)")
    annotations = {"list": [{"name": "alerts", "expr": "cals_total"}]}
    options = ["--allow-empty", "variable zone", "--allow-empty", "mine/alerts"]
    code, found = answers(variables=[made], annotations=annotations, options=options)
    assert code == 0
    assert {one["status"] for one in found} == {"on_purpose"}


def test_one_query_of_a_panel_can_be_allowed_to_be_empty(answers: Check) -> None:
    letters = [{"refId": ref, "expr": "calls_total > 7"} for ref in "AB"]
    panels = [{"title": "panel", "targets": letters}]
    code, found = answers(panels=panels, options=["--allow-empty", "panel B"])
    assert code == 1
    assert [one["status"] for one in found] == ["nothing", "on_purpose"]


def test_what_is_refused_is_never_allowed(answers: Check) -> None:
    assert answers("calls_total >", options=["--allow-empty", "panel"])[0] == 1


@pytest.mark.parametrize(
    ("options", "code", "detail"),
    [
        ([], 1, "no such data source: ${DS_PROMETHEUS}, which is not a variable of the dashboard"),
        (["--var", "DS_PROMETHEUS=prom"], 0, ""),
    ],
)
def test_data_sources_that_only_an_import_knows_do_not_resolve(
    options: list[str], code: int, detail: str, answers: Check
) -> None:
    panel = {
        "title": "panel",
        "datasource": {"type": "prometheus", "uid": "${DS_PROMETHEUS}"},
        "targets": [{"refId": "A", "expr": "calls_total"}],
    }
    inputs = [{"name": "DS_PROMETHEUS", "type": "datasource", "pluginId": "prometheus"}]
    found_code, [found] = answers(panels=[panel], __inputs=inputs, options=options)
    assert (found_code, found["detail"]) == (code, detail)


def test_data_sources_are_those_that_are_given(answers: Check) -> None:
    panel = {"title": "p", "datasource": "Old", "targets": [{"refId": "A", "expr": "calls_total"}]}
    assert answers(panels=[panel])[0] == 0
    assert answers(panels=[panel], options=["--datasource", "Old"])[0] == 0
    code, [found] = answers(panels=[panel], options=["--datasource", "prom"])
    assert (code, found["status"]) == (1, "error")
    assert found["detail"] == "no such data source: Old; --datasource gives prom"


def test_dashboards_of_old_schemas_are_asked_for(answers: Check) -> None:
    expr = 'many{which="$which"} and on () up{job="$job"}'
    row = {
        "title": "row",
        "repeat": "which",
        "collapse": True,
        "panels": [
            {
                "title": "of $which",
                "datasource": "$source",
                "targets": [{"refId": "A", "expr": expr}],
            }
        ],
    }
    which = variable("which", "label_values(many, which)", regex="/[ab]/", datasource="$source")
    source = {"name": "source", "type": "datasource", "query": "prometheus"}
    code, found = answers(variables=[which, source], rows=[row], schemaVersion=12, panels=None)
    assert [(one["title"], one["cause"]) for one in found] == [
        ("which", None),
        ("of a", "metric"),
        ("of b", "metric"),
    ]
    assert code == 1
    assert found[1]["query"] == 'many{which="a"} and on () up{job=".+"}'


def test_a_variable_without_a_current_value_has_the_first_one(answers: Check) -> None:
    made = variable("operation", "label_values(calls_total, operation)", includeAll=False, sort=2)
    _, [_, found] = answers('calls_total{operation="$operation"}', variables=[made])
    assert (found["query"], found["status"]) == ('calls_total{operation="sell"}', "data")
    gone = {**made, "current": {"text": "buy", "value": "buy"}}
    _, [_, found] = answers('calls_total{operation="$operation"}', variables=[gone])
    assert found["query"] == 'calls_total{operation="sell"}'
