"""What depends on what: circles are found, chains may be deep, and the least score limits."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.watched import Watched
from vitalspan.errors import ConfigurationError
from vitalspan.health.component_graph import ComponentGraph
from vitalspan.rules.scoring import Component, Scoring, cycle_mistake, cycle_of

NAMES = "abcdefg"


@st.composite
def components(draw: st.DrawFn, *, circles: bool = True) -> list[Component]:
    """Some components; what they depend on need not be declared."""
    found = []
    for index, name in enumerate(NAMES):
        if draw(st.booleans()):
            others = NAMES if circles else NAMES[:index]
            needs = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
            found.append(Component(name, depends_on=tuple(needs)))
    return draw(st.permutations(found))


@given(components())
def test_a_circle_is_found_where_there_is_one(declared: list[Component]) -> None:
    needs = {one.name: one.depends_on for one in declared}
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError:
        there_is_one = True
    else:
        there_is_one = False
    found = cycle_of(declared)
    assert bool(found) == there_is_one == bool(cycle_mistake(declared))
    if found:
        assert found[0] == found[-1]
        assert len(set(found)) == len(found) - 1
        assert all(after in needs[before] for before, after in pairwise(found))


scores = st.fixed_dictionaries(
    {}, optional={name: st.none() | st.sampled_from([10.0, 50.0, 90.0]) for name in (*NAMES, "z")}
)


def reached(needs: Mapping[str, tuple[str, ...]], name: str) -> set[str]:
    return {name}.union(*(reached(needs, other) for other in needs.get(name, ())))


@given(components(circles=False), scores)
def test_what_limits_a_component_is_the_worst_that_it_depends_on(
    declared: list[Component], known: dict[str, float | None]
) -> None:
    needs = {one.name: one.depends_on for one in declared}
    expected = {}
    for name in {*known, *needs, *(other for those in needs.values() for other in those)}:
        every = reached(needs, name)
        least = [
            (value, other != name, other)
            for other in every
            if (value := known.get(other)) is not None
        ]
        if least:
            value, _, whose = min(least)
            expected[name] = (value, whose)
    assert ComponentGraph(declared).limiting(known) == expected


@given(components(circles=False), st.sets(st.sampled_from([*NAMES, "z"])))
def test_the_names(declared: list[Component], seen: set[str]) -> None:
    needed = {other for one in declared for other in one.depends_on}
    graph = ComponentGraph(declared)
    assert graph.names(seen) == sorted({one.name for one in declared} | needed | seen)
    assert graph.component("z") == Component("z")
    for one in declared:
        assert graph.component(one.name) is one


DEEP = 10_000


def chain(closed: bool) -> list[Component]:
    """Each depends on the next; the last on the first, if it is closed."""
    last = ("c0",) if closed else ()
    following = [(f"c{index + 1}",) for index in range(DEEP - 1)] + [last]
    return [Component(f"c{index}", depends_on=needs) for index, needs in enumerate(following)]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_deep_chain(backwards: bool) -> None:
    declared = chain(closed=False)
    declared = declared[::-1] if backwards else declared
    assert cycle_of(declared) == ()
    graph = ComponentGraph(declared)
    names = graph.names([])
    assert len(names) == DEEP
    limiting = graph.limiting({f"c{DEEP - 1}": 20.0, "c5000": 10.0})
    assert len(limiting) == DEEP
    assert limiting["c0"] == limiting["c5000"] == (10.0, "c5000")
    assert limiting["c5001"] == (20.0, f"c{DEEP - 1}")


def test_a_deep_chain_in_a_monitor() -> None:
    watched = Watched()
    watched.monitor.rules.set_health(Scoring(components=tuple(chain(closed=False))))
    watched.call(times=10, error=ValueError(), component=f"c{DEEP - 1}")
    watched.call(times=10, component="c0")
    watched.tick()
    health = watched.monitor.health()
    assert health.score == 50
    assert len(health.components) == DEEP
    first = health.components[0]
    assert (first.component, first.score, first.effective_score) == ("c0", 100, 0)
    assert first.limited_by == f"c{DEEP - 1}"
    assert len(health.graph()["edges"]) == DEEP - 1
    assert health.explain().count("0.0 because it depends on c9999") == DEEP - 1


def test_a_deep_circle_is_told_in_short() -> None:
    declared = chain(closed=True)
    found = cycle_of(declared)
    assert found == (*(f"c{index}" for index in range(DEEP)), "c0")
    path = " -> ".join(f"c{index}" for index in range(19))
    assert cycle_mistake(declared) == (
        f"components depend on each other in a circle, {path} -> 9981 more -> c0: take one of them "
        "out"
    )


def test_a_circle_that_is_just_not_told_in_short() -> None:
    names = [f"c{index}" for index in range(19)]
    declared = [
        Component(name, depends_on=(after,))
        for name, after in zip(names, [*names[1:], "c0"], strict=True)
    ]
    assert " -> ".join([*names, "c0"]) in cycle_mistake(declared)
    assert "more" not in cycle_mistake(declared)


def test_diamonds_upon_diamonds() -> None:
    # There are 2 ** 500 ways from the top to the bottom.
    declared = [
        one
        for level in range(500)
        for one in (
            Component(f"{level}", depends_on=(f"{level}a", f"{level}b")),
            Component(f"{level}a", depends_on=(f"{level + 1}",)),
            Component(f"{level}b", depends_on=(f"{level + 1}",)),
        )
    ]
    assert cycle_mistake(declared) == ""
    limiting = ComponentGraph(declared).limiting({"500": 3.0, "499b": 4.0, "0": 90.0})
    assert limiting["0"] == (3.0, "500")
    assert limiting["499b"] == (3.0, "500")


@pytest.mark.parametrize(
    ("needs", "path"),
    [
        ({"a": ["a"]}, "a -> a"),
        ({"a": ["b"], "b": ["a"]}, "a -> b -> a"),
        ({"a": ["b"], "b": ["c", "d"], "c": [], "d": ["b"]}, "b -> d -> b"),
    ],
)
def test_a_circle_is_refused_with_its_path(needs: dict[str, list[str]], path: str) -> None:
    watched = Watched()
    rules = watched.monitor.rules
    problem = f"components depend on each other in a circle, {path}: take one of them out"
    *first, last = needs
    for name in first:
        rules.add_component(name, depends_on=needs[name])
    before = rules.in_force
    with pytest.raises(ConfigurationError) as refused:
        rules.add_component(last, depends_on=needs[last])
    assert str(refused.value) == problem
    assert rules.in_force == before
    # The same at once, as in a file.
    whole = {name: {"depends_on": those} for name, those in needs.items()}
    other = Watched()
    with pytest.raises(ConfigurationError) as refused:
        other.monitor.rules.set_health(components=whole)
    assert str(refused.value) == f"components: {problem}"


def test_a_circle_of_what_is_said_in_several_places() -> None:
    watched = Watched()
    rules = watched.monitor.rules
    rules.set_health(components={"a": {"depends_on": ["b"]}})
    with pytest.raises(ConfigurationError, match="a -> b -> a: take one of them out"):
        rules.add_component("b", depends_on=["a"])
    rules.add_component("b", depends_on=["c"])
    with pytest.raises(ConfigurationError, match="c -> b -> c: take one of them out"):
        rules.set_health(components={"c": {"depends_on": ["b"]}})
    assert rules.in_force.health is not None
    assert [(one.name, one.depends_on) for one in rules.in_force.health.components] == [
        ("a", ("b",)),
        ("b", ("c",)),
    ]
