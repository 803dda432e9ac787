"""Every format says the same, and whatever a user named stays text in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.reports.document import (
    Bullets,
    Cell,
    Chart,
    Charts,
    Document,
    Fact,
    Facts,
    Line,
    Section,
    section,
    table,
)
from vitalspan.reports.html_format import as_html
from vitalspan.reports.markdown_format import as_markdown, escaped
from vitalspan.reports.text_format import as_text, levels
from vitalspan.words import one_line

VOID = {"meta"}

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section"),
    *("h1", "h2", "p", "ul", "li", "dl", "dt", "dd", "div", "small", "table", "thead", "tbody"),
    *("tr", "th", "td", "figure", "figcaption", "b", "span", "svg", "path", "rect"),
}


class Reader(HTMLParser):
    """Reads a page, and finds tags that are not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def document(text: str) -> Document:
    chart = Chart(text, (0.0, 60.0, 120.0), (Line(text, [1.0, 2.0]), Line("b", [0.5, None])), str)
    row = [Cell(text, "bad"), Cell(text, share=0.5), Cell("", values=[1.0, None, 2.0])]
    blocks = (
        Facts([Fact(text, text, text, "good")]),
        Bullets([(text, "warning")]),
        table(("name", ">figure", "over time"), [row], text),
        Charts([chart]),
    )
    return Document(text, text, [Section(text, blocks)], [text], text)


WORDS = st.text(min_size=1).map(lambda text: f"x{text}x")


@settings(max_examples=30)
@given(
    st.one_of(WORDS, st.sampled_from(["<script>alert(1)</script>", "\"'><img src=x>", "a\x1b[31m"]))
)
def test_html_has_no_tags_but_ours(text: str) -> None:
    page = as_html(document(text))
    read = Reader(page)
    assert read.open == []
    assert read.tags <= TAGS | {"title"}
    assert not {name for name in read.attributes if name.startswith("on")}
    assert not {"src", "href", "srcset", "data", "action"} & read.attributes
    assert "".join(read.texts).count(one_line(text)) >= 8


def test_html_stands_alone() -> None:
    page = as_html(document("calls"))
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|url\(|@import|javascript:", page)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


@pytest.mark.parametrize("text", ["\x00\x07", "a\nb", "\u202eabc", "\ud800"])
def test_control_characters_are_written_out(text: str) -> None:
    for page in (as_text(document(text)), as_html(document(text)), as_markdown(document(text))):
        assert not any(one in page for one in "\x00\x07\u202e\ud800")
        assert page.encode()
    assert one_line(text) in as_text(document(text))


def test_markdown_is_harmless() -> None:
    assert escaped("<b>*a*</b> | `c` [d](e) _f_ ~g~ &amp; $h$ \\") == (
        "\\<b\\>\\*a\\*\\</b\\> \\| \\`c\\` \\[d\\](e) \\_f\\_ \\~g\\~ \\&amp; \\$h\\$ \\\\"
    )
    assert [escaped(text) for text in ("# a", "- b", "+ c", "1. d", "2) e", "= f")] == [
        *("\\# a", "\\- b", "\\+ c", "1\\. d", "2\\) e", "\\= f")
    ]
    assert escaped("1.5 ms") == "1.5 ms"
    assert escaped("a\nb") == "a\\\\nb"
    for line in as_markdown(document("a | b")).splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 5)


def test_text_is_aligned() -> None:
    rows = [["a", "1"], ["longer", Cell("1,000")]]
    figures = section("Figures", table(("name", ">calls"), rows, "A note."))
    assert figures is not None
    text = as_text(Document("Report", "now", [figures], ["Mind this."], "The end."))
    assert text == (
        "Report\n======\nnow\nMind this.\n\nFigures\n-------\n"
        "name    calls\na           1\nlonger  1,000\nA note.\n\nThe end.\n"
    )


def test_charts_are_levels_in_text() -> None:
    assert levels([0.0, 1.0, None, 7.0, 3.5]) == "▁▂ █▅"
    assert levels([], 4) == ""
    assert levels([None, None]) == "  "
    assert levels([5.0, 10.0], lowest=None) == "▁█"
    assert len(levels([1.0] * 1000, 48)) <= 48
    assert "1.0 to 2.0" in as_text(document("calls"))


def test_what_is_empty_is_left_out() -> None:
    assert section("A", table(("a",), []), None, Facts([]), Bullets([]), Charts([])) is None
