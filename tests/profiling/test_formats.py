"""Collapsed stacks, speedscope files and flame graphs, also of names that are hostile text."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from profiling.test_stack_tree import code_of, samples_of
from vitalspan.profiling.collapsed import as_collapsed
from vitalspan.profiling.flame_graph import as_svg, boxes
from vitalspan.profiling.speedscope import as_speedscope
from vitalspan.profiling.stack_samples import StackSamples
from vitalspan.profiling.stack_tree import StackTree

SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = (
    "<script>alert(1)</script>",
    'x" onload="y',
    "a;b c",
    "line\nbreak\x00\x1b[31m",
    "\udcff",
)


def hostile_samples() -> StackSamples:
    tree = StackTree()
    tree.add([(code_of(text, f"{text}.py"), 7) for text in HOSTILE], 1.0)
    return tree.samples()


def test_collapsed_stacks() -> None:
    text = as_collapsed(samples_of([("ab", 1.0), ("abc", 9.0), ("ab", 1.0)]))
    assert text == ("a (shop.py:1);b (shop.py:1) 2\na (shop.py:1);b (shop.py:1);c (shop.py:1) 1\n")


def test_collapsed_stacks_of_hostile_names() -> None:
    (row,) = as_collapsed(hostile_samples()).splitlines()
    stack, _, count = row.rpartition(" ")
    assert (len(stack.split(";")), count) == (len(HOSTILE), "1")
    row.encode()


def test_a_speedscope_file() -> None:
    document = json.loads(json.dumps(as_speedscope(samples_of([("ab", 0.5), ("ac", 1.5)]), "x")))
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert document["shared"]["frames"][1] == {"name": "b", "file": "shop.py", "line": 1}
    (profile,) = document["profiles"]
    assert profile["samples"] == [[0, 1], [0, 2]]
    assert profile["weights"] == [0.5, 1.5]
    assert (profile["endValue"], profile["unit"], profile["type"]) == (2.0, "seconds", "sampled")


def test_the_boxes_of_a_flame_graph_are_within_their_parents() -> None:
    samples = samples_of([("ab", 1.0), ("acd", 2.0), ("e", 1.0)])
    found = list(boxes(samples))
    by_name = {samples.frames[samples.nodes[one.node].frame].function: one for one in found}
    assert by_name["a"][1:] == (0.0, 0.75, 0)
    assert by_name["e"][1:] == (0.75, 0.25, 0)
    assert by_name["c"][1:] == (0.0, 0.5, 1)
    assert by_name["d"][1:] == (0.0, 0.5, 2)
    assert by_name["b"][1:] == (0.5, 0.25, 1)


def test_a_flame_graph_names_each_box_with_its_time() -> None:
    root = ET.fromstring(as_svg(samples_of([("ab", 1.0), ("ac", 3.0)]), "shop/pay, 5 s"))
    titles = [one.text for one in root.iter(f"{SVG}title")]
    assert titles[0] == "shop/pay, 5 s"
    assert set(titles[1:]) == {
        "a (shop.py:1): 4.000 s, 100.0%",
        "c (shop.py:1): 3.000 s, 75.0%",
        "b (shop.py:1): 1.000 s, 25.0%",
    }


def test_a_flame_graph_of_hostile_names_has_only_its_own_markup() -> None:
    text = as_svg(hostile_samples(), HOSTILE[0])
    root = ET.fromstring(text.encode())
    tags = {one.tag.removeprefix(SVG) for one in root.iter()}
    assert tags == {"svg", "title", "rect", "text", "g"}
    attributes = {name for one in root.iter() for name in one.attrib}
    assert not any(name.startswith("on") or name in ("style", "href") for name in attributes)
    assert root.findtext(f"{SVG}title") == HOSTILE[0]


def test_narrow_boxes_are_left_out() -> None:
    stacks = [("a", 1000.0), ("b", 0.001)]
    assert "b (shop.py:1)" not in as_svg(samples_of(stacks), "x")


@pytest.mark.parametrize("write", [as_collapsed, lambda one: as_svg(one, "x")])
def test_nothing_to_show(write: object) -> None:
    assert callable(write)
    assert "shop.py" not in write(samples_of([]))
    assert list(boxes(samples_of([]))) == []
