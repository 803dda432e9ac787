"""Fields of a mapping: values of every kind, and the mistakes in them."""

from __future__ import annotations

import pytest

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.load import parse_document
from vitalspan.configfile.nodes import Entries, Entry, Place, Scalar
from vitalspan.configfile.report import ConfigFileError, Report


def fields_of(text: str, *, secret: bool = False) -> Fields:
    report = Report("a.yml", secret=secret)
    document = parse_document(text, report, "file", "rules")
    return Fields(document, None, report, usable="fields such as flag")


def mistakes(fields: Fields) -> tuple[str, ...]:
    with pytest.raises(ConfigFileError) as raised:
        fields.report.check()
    return raised.value.mistakes


@pytest.mark.parametrize(
    ("written", "value"),
    [("true", True), ("Yes", True), ("ON", True), ("false", False), ("no", False), ("off", False)],
)
def test_booleans_are_those_of_prometheus(written: str, value: bool) -> None:
    fields = fields_of(f"flag: {written}")
    assert fields.flag("flag", default=not value) is value
    assert fields.flag("other", default=value) is value
    fields.report.check()


def test_booleans_from_python() -> None:
    place = Place("flag")
    for content, value in ((True, True), ("true", True), (False, False)):
        node = Entries(place, {"flag": Entry(place, Scalar(place, content))})
        fields = Fields(node, None, Report("a"), usable="fields")
        assert fields.flag("flag", default=not value) is value


def test_booleans_and_numbers_in_quotes_are_texts() -> None:
    fields = fields_of("flag: 'true'\nnumber: \"5\"\nother: maybe\n")
    assert not fields.flag("flag")
    assert fields.whole_number("number", "a number such as 20") == 0
    assert not fields.flag("other")
    assert mistakes(fields) == (
        "a.yml:1:7: 'true' is a text: leave the quotes out, and use true or false",
        "a.yml:2:9: '5' is a text: leave the quotes out, and use a number such as 20",
        "a.yml:3:8: 'maybe' is neither true nor false: use one of them",
    )


def test_one_of_several_fields_is_missing_unless_it_is_misspelled() -> None:
    report = Report("a.yml")
    document = parse_document("{abov: 1}", report, "file", "rules")
    fields = Fields(document, ("above", "below"), report, usable="fields")
    fields.missing(("above", "below"), "add one")
    fields.missing(("left", "right"), "add one")
    assert mistakes(fields) == (
        "a.yml:1:1: left or right is missing: add one",
        "a.yml:1:2: unknown field 'abov': did you mean above?",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("secret", "1:1: this value is not a mapping: use fields such as flag"),
        ("texts: secret", "1:8: this value is not a list: use texts"),
        (
            "flag: 'secret'",
            "1:7: this value is a text: leave the quotes out, and use true or false",
        ),
        ("alice:secret:", "1:1: this value is one word: put a space after the colon"),
        ('a: "secret\\ud800"', "1:4: this value is not a Unicode text: leave the surrogate out"),
    ],
)
def test_messages_about_a_file_of_secrets_show_no_values(text: str, told: str) -> None:
    fields = fields_of(text, secret=True)
    fields.texts("texts", "texts", "a text")
    fields.flag("flag")
    assert mistakes(fields) == (f"a.yml:{told}",)
