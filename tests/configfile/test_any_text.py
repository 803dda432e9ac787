"""What holds for every text: it is read, or one kind of error names places that are inside it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.load import parse_document
from vitalspan.configfile.nodes import MAX_DEPTH, Entries, Items, Node, Scalar
from vitalspan.configfile.report import ConfigFileError, Report
from vitalspan.units import BYTES, PER_SECOND, RATIO, SECONDS

NAME = "any.yml"
LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
TOKENS = [
    *("name", "for", "levels", "<<", "x", "%YAML 1.1\n", "%TAG ! x\n", "---\n", "...\n"),
    *("5%", "500ms", "1e3", ".nan", "on", "~", "'", '"', "|", ">", "|2-\n", "\\", '"\\'),
    *("{{ $value }}", "&a ", "*a", "!!str ", "!a ", "!<%FF>", "\\ud800", "\\UFFFFFFFF", "\\x41"),
    *(": ", "- ", "{", "}", "[", "]", ", ", "\n", "\n  ", "\n\n    ", "? ", "# ", "\t", "\ufeff"),
    *(
        "\r",
        "\r\n",
        "\x85",
        "\u2028",
        "\u2029",
        "\x0b",
        "\x0c",
        "\x1c",
        "\0",
        "\ud800",
        "é",
        "\U0001d6fc",
    ),
]
yaml_like = st.one_of(
    st.text(),
    st.text(st.characters(exclude_categories=[])),
    st.lists(st.sampled_from(TOKENS), max_size=30).map("".join),
)


def nodes_of(node: Node) -> list[Node]:
    inner: list[Node] = []
    if isinstance(node, Items):
        inner = list(node.items)
    elif isinstance(node, Entries):
        inner = [entry.value for entry in node.fields.values()]
    return [node, *(below for one in inner for below in nodes_of(one))]


def read(text: str) -> Node:
    report = Report(NAME)
    document = parse_document(text, report, "file", "rules")
    report.check()
    return document


def read_values(text: str) -> None:
    """Read a document and, in every possible way, the values in it."""
    report = Report(NAME)
    for node in nodes_of(parse_document(text, report, "file", "rules")):
        fields = Fields(node, None, report, usable="a mapping")
        known = Fields(node, ("name", "levels"), report, usable="a mapping")
        known.missing(("name", "level"), "add one")
        for name, _, _ in fields:
            fields.name(name, "a name")
            fields.text(name, "a text")
            fields.texts(name, "texts", "a text")
            fields.seconds(name, 1.0, zero="is not a time")
            fields.whole_number(name, "a number")
            fields.choice(name, ("one", "other"))
            fields.number(name, "a number", 0.0, 1.0)
            fields.flag(name)
            for unit in (SECONDS, RATIO, BYTES, PER_SECOND):
                fields.value(name, unit)
    report.check()


def check_places(text: str, error: ConfigFileError) -> None:
    lines = LINE_BREAK.split(text)
    assert error.mistakes
    for mistake in error.mistakes:
        place = re.match(rf"{NAME}:(\d+):(\d+): ", mistake)
        assert place is not None, mistake
        line, column = map(int, place.groups())
        assert 1 <= line <= len(lines), (mistake, lines)
        assert 1 <= column <= len(lines[line - 1]) + 1, (mistake, lines)


@given(yaml_like)
@settings(max_examples=500)
def test_any_text_is_read_or_refused_with_places_inside_it(text: str) -> None:
    for reading in (read, read_values):
        try:
            reading(text)
        except ConfigFileError as error:
            check_places(text, error)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('a: "\\UFFFFFFFF"', "1:7: not valid YAML: a number is too large: use a smaller one"),
        ('a: "\\U0011FFFF"', "1:7: not valid YAML: a number is too large: use a smaller one"),
        (
            f"%YAML {'1' * 5000}.1\n--- a",
            "1:7: not valid YAML: a number is too large: use a smaller one",
        ),
        ("a: 1\r\nb: \x01", "2:4: the character U+0001 cannot be in a file: leave it out"),
        ("a: 1\rb: \x01", "2:4: the character U+0001 cannot be in a file: leave it out"),
        ("a: \ud800", "1:4: the character U+D800 cannot be in a file: leave it out"),
        ("a: 1\u2028b: [", "2:5: not valid YAML: "),
    ],
)
def test_texts_that_pyyaml_itself_cannot_take(text: str, mistake: str) -> None:
    with pytest.raises(ConfigFileError) as raised:
        read(text)
    (told,) = raised.value.mistakes
    assert told.startswith(f"{NAME}:{mistake}")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_the_depth_of_a_document_is_limited(opening: str) -> None:
    closing = {"[": "]", "{": "}"}.get(opening[0], "")
    report = Report(NAME)
    text = f"{opening * MAX_DEPTH}x{closing * MAX_DEPTH}"
    if opening == "? ":
        with pytest.raises(ConfigFileError, match="cannot be a name"):
            read(text)
    else:
        assert isinstance(parse_document(text, report, "file", "rules"), Items | Entries)
    with pytest.raises(ConfigFileError) as raised:
        read(f"{opening * (MAX_DEPTH + 1)}x{closing * (MAX_DEPTH + 1)}")
    column = MAX_DEPTH * len(opening) + 1
    assert raised.value.mistakes == (
        f"{NAME}:1:{column}: is nested too deeply: close every bracket, and use at most 20 levels",
    )


@pytest.mark.parametrize("text", ["", "\ufeff", "# nothing", "---\n", "~", "null"])
def test_a_document_without_anything_is_a_scalar_without_content(text: str) -> None:
    document = read(text)
    assert isinstance(document, Scalar)
    assert document.content is None
