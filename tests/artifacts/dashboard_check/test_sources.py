"""Dashboards are read from directories as Grafana's provisioning reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.artifacts.dashboard_check.panel_queries import queries_of, variables_by_name
from vitalspan.artifacts.dashboard_check.sources import (
    SkippedFile,
    dashboards_of_directory,
    dashboards_of_texts,
)
from vitalspan.artifacts.dashboard_check.variable_values import VariableRange, VariableValues
from vitalspan.errors import ConfigurationError

LISTS = "lists of objects"


def write(directory: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def named(title: str, **fields: object) -> dict[str, object]:
    return {"title": title, "panels": [], **fields}


def test_folders_are_looked_into_but_hidden_ones(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "b.json": named("b"),
            "team/a.json": named("team a"),
            "team/deep/a.json": named("deep"),
            "team.json/a.json": named("in a folder with the name of a file"),
            ".git/a.json": named("hidden"),
            "notes.txt": "{",
        },
    )
    (tmp_path / "link.json").symlink_to(tmp_path / "b.json")
    dashboards, skipped = dashboards_of_directory(tmp_path)
    titles = ["b", "b", "team a", "deep", "in a folder with the name of a file"]
    assert [one["title"] for one in dashboards] == titles
    assert skipped == []


def test_what_is_no_dashboard_is_skipped_and_the_others_are_read(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "broken.json": "{",
        "deep.json": "[" * 100_000,
        "list.json": [1],
        "package.json": {"name": "x"},
        "v2.json": {"title": "v2", "elements": {}, "layout": {}},
        "wrong.json": {"panels": {}},
        "z.json": named("z"),
    }
    write(tmp_path, files)
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    dashboards, skipped = dashboards_of_directory(tmp_path)
    assert [one["title"] for one in dashboards] == ["z"]
    assert [(Path(one.path).name, one.bad) for one in skipped] == [
        ("broken.json", True),
        ("deep.json", True),
        ("gone.json", True),
        ("list.json", False),
        ("package.json", False),
        ("v2.json", True),
        ("wrong.json", True),
    ]
    reasons = [one.reason for one in skipped]
    assert reasons[0].startswith("not JSON: ")
    assert reasons[2] == "cannot be read: No such file or directory"
    assert "schema v2" in reasons[5]
    assert LISTS in reasons[6]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "has no dashboards"),
        ({"a.json": {"name": "x"}}, "has no dashboards"),
        ({"a.json": "{"}, "a.json: not JSON"),
    ],
)
def test_a_directory_without_a_dashboard_is_refused(
    files: dict[str, object], said: str, tmp_path: Path
) -> None:
    write(tmp_path, files)
    with pytest.raises(ConfigurationError, match=said):
        dashboards_of_directory(tmp_path)


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere cannot be read: No such file"):
        dashboards_of_directory(tmp_path / "nowhere")


def panel(expr: str, **fields: object) -> dict[str, object]:
    return {"title": expr, "targets": [{"refId": "A", "expr": expr}], **fields}


def read(content: dict[str, Any]) -> dict[str, Any]:
    [dashboard], skipped = dashboards_of_texts({"x.json": json.dumps(content)})
    assert skipped == []
    return dashboard


@pytest.mark.parametrize("version", [{}, {"schemaVersion": 15}])
def test_panels_in_rows_of_old_schemas_are_found(version: dict[str, int]) -> None:
    rows = [
        {"title": "open", "panels": [panel("a"), panel("b")]},
        {"title": "collapsed", "collapse": True, "panels": [panel("c")], "repeat": "job"},
        {"title": "saved repetition", "repeatIteration": 1, "panels": [panel("d")]},
        {"title": "empty"},
    ]
    queries = queries_of(read({"title": "old", "rows": rows, **version}))
    assert [(one.text, one.repeat) for one in queries] == [("a", ()), ("b", ()), ("c", ("job",))]


def test_rows_beside_panels_of_newer_schemas_are_left_out() -> None:
    content = {"panels": [panel("a")], "rows": [{"panels": [panel("b")]}], "schemaVersion": 39}
    assert [one.text for one in queries_of(read(content))] == ["a"]


def test_files_of_the_newer_api_are_read() -> None:
    spec = {"title": "T", "panels": [panel("a")], "uid": "other"}
    resource = {
        "apiVersion": "dashboard.grafana.app/v1beta1",
        "kind": "Dashboard",
        "metadata": {"name": "mine"},
        "spec": spec,
    }
    [query] = queries_of(read(resource))
    assert (query.uid, query.dashboard) == ("mine", "T")
    for broken in ({**resource, "spec": []}, {**resource, "metadata": None}):
        [skipped] = dashboards_of_texts({"x.json": json.dumps(broken)})[1]
        assert skipped == SkippedFile("x.json", "no dashboard", bad=False)


@pytest.mark.parametrize(
    "content",
    [
        {"panels": [1]},
        {"panels": "x"},
        {"panels": [{"targets": "x"}]},
        {"panels": [{"panels": [1]}]},
        {"panels": [{"panels": [{"targets": [1]}]}]},
        {"rows": [1]},
        {"rows": [{"panels": [{"targets": 1}]}]},
        {"panels": [], "templating": 5},
        {"panels": [], "annotations": {"list": ["x"]}},
    ],
)
def test_what_stands_in_place_of_lists_is_told(content: dict[str, Any]) -> None:
    dashboards, [skipped] = dashboards_of_texts({"x.json": json.dumps(content)})
    assert dashboards == []
    assert skipped.bad
    assert LISTS in skipped.reason


KEYS = (
    *("apiVersion", "annotations", "collapse", "current", "datasource", "elements", "expr", "hide"),
    *("includeAll", "list", "metadata", "multi", "name", "options", "panels", "query", "refId"),
    *("repeat", "rows", "schemaVersion", "spec", "targets", "templating", "title", "type", "uid"),
    "value",
)
WORDS = ("row", "query", "custom", "interval", "$a", "${b}", "dashboard.grafana.app/v1")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text("ab$,{}[]:", max_size=4)
    | st.sampled_from(WORDS)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=30,
)
PANELS = st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5), max_size=3)
DASHBOARDS = st.fixed_dictionaries(
    {"panels": PANELS},
    optional={
        "rows": PANELS,
        "templating": st.fixed_dictionaries({"list": PANELS}),
        "annotations": st.fixed_dictionaries({"list": PANELS}),
    },
)


@settings(deadline=None, max_examples=300)
@given(content=JSON | DASHBOARDS)
def test_no_json_ends_it(content: Any) -> None:
    dashboards, skipped = dashboards_of_texts({"x.json": json.dumps(content)})
    assert len(dashboards) + len(skipped) == 1
    for dashboard in dashboards:
        values = VariableValues(variables_by_name(dashboard), VariableRange(0, 60, 5), {})
        for query in queries_of(dashboard):
            values.fill(query.text)
            if query.kind == "variable":
                values.learn(query.title, ["a", "b"])
            for name in query.repeat:
                assert all(isinstance(one[name], str) for one in values.each(name))
