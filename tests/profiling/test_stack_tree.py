"""Trees of stacks: nothing is lost up to the limits, and beyond them stacks are cut."""

from __future__ import annotations

import sys
from types import CodeType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.profiling.stack_samples import ROOT, StackSamples
from vitalspan.profiling.stack_tree import LEFT_OUT, MAX_DEPTH, StackTree
from vitalspan.statistics.source_path import short_path


def code_of(name: str, filename: str = "shop.py") -> CodeType:
    code = compile("0", "x", "eval")
    return code.replace(co_name=name, co_qualname=name, co_filename=filename)


CODES = {name: code_of(name) for name in "abcde"}


def samples_of(
    stacks: list[tuple[str, float]], *, max_nodes: int = 4000, line: int = 1
) -> StackSamples:
    """Samples of stacks that are written as `abc`, the outermost function first."""
    tree = StackTree(max_nodes)
    for names, seconds in stacks:
        tree.add([(CODES[name], line) for name in names], seconds)
    return tree.samples()


def names_of(samples: StackSamples) -> list[str]:
    return ["".join(one.function for one in samples.stack(leaf)) for leaf in samples.leaves]


STACKS = st.lists(
    st.tuples(st.text("abcde", min_size=1, max_size=6), st.floats(0.001, 2.0)), max_size=30
)


@given(stacks=STACKS)
def test_what_is_added_comes_back(stacks: list[tuple[str, float]]) -> None:
    samples = samples_of(stacks)
    assert names_of(samples) == [names for names, _ in stacks]
    assert samples.total == pytest.approx(sum(seconds for _, seconds in stacks))
    assert all(node.parent < index for index, node in enumerate(samples.nodes))
    tops = [
        seconds
        for node, seconds in zip(samples.nodes, samples.node_seconds, strict=True)
        if node.parent == ROOT
    ]
    assert sum(tops) == pytest.approx(samples.total)
    lines = list(samples.lines())
    assert sum(one.share for one in lines) == pytest.approx(1 if stacks else 0)
    assert [one.seconds for one in lines] == sorted((one.seconds for one in lines), reverse=True)


@given(stacks=STACKS, room=st.integers(1, 9))
def test_a_full_tree_cuts_new_stacks(stacks: list[tuple[str, float]], room: int) -> None:
    samples = samples_of(stacks, max_nodes=room)
    assert len(samples.nodes) <= room
    assert len(samples.leaves) <= len(stacks)
    found = iter(names_of(samples))
    assert all(any(names.startswith(one) for names, _ in stacks) for one in found)


def test_lines_of_one_function_are_told_apart() -> None:
    tree = StackTree()
    for line, seconds in ((3, 1.0), (4, 3.0), (3, 0.5)):
        tree.add([(CODES["a"], 1), (CODES["b"], line)], seconds)
    most, least = tree.samples().lines()
    assert (most.frame.lineno, most.seconds) == (4, 3.0)
    assert (least.frame.lineno, least.seconds) == (3, 1.5)
    assert least.share == pytest.approx(1.5 / 4.5)
    assert most.frame.place == "b (shop.py:4)"


def test_deep_recursion_keeps_both_ends() -> None:
    samples = samples_of([("a" * 300 + "b", 1.0), ("a" * 400 + "b", 1.0)])
    first, second = samples.leaves
    assert first == second
    stack = [one.function for one in samples.stack(first)]
    assert len(stack) == MAX_DEPTH + 1
    assert (stack[0], stack[MAX_DEPTH // 2], stack[-1]) == ("a", LEFT_OUT, "b")


def test_a_stack_without_frames_is_no_sample() -> None:
    assert samples_of([("", 1.0)]).leaves == ()


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("/srv/shop/pages/cart.py", "pages/cart.py"),
        ("/srv/shop/lib/x/y.py", "x/y.py"),
        ("/elsewhere/secret/run/main.py", "run/main.py"),
        ("/main.py", "main.py"),
        ("main.py", "main.py"),
        ("<string>", "<string>"),
        ("", ""),
    ],
)
def test_no_path_of_a_machine_is_shown(
    filename: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["", "/srv/shop", "/srv/shop/lib"])
    assert short_path(filename) == expected
