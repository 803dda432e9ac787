"""Rule files that are wrong: every mistake is told, at its line and column, with what is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.paths import RULE_FILES
from vitalspan.configfile.report import ConfigFileError
from vitalspan.errors import ConfigurationError
from vitalspan.rules.file.load import load, parse

BAD = RULE_FILES / "bad"
FILES = sorted(BAD.glob("*.yml"))


def mistakes(path: Path | str) -> list[str]:
    with pytest.raises(ConfigFileError) as raised:
        load(path)
    assert isinstance(raised.value, ConfigurationError)
    return list(raised.value.mistakes)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    expected = file.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    assert mistakes(file.name) == [f"{file.name}:{line}" for line in expected]


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 100
    assert {file.stem for file in FILES} == {file.stem for file in BAD.glob("*.txt")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_says_what_is_wrong_and_what_would_be_right(file: Path) -> None:
    for line in file.with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        assert re.match(r"\d+:\d+: \S.{3,}: \S.{3,}", line), line


def test_one_mistake_is_the_whole_message() -> None:
    with pytest.raises(ConfigFileError) as raised:
        parse("group: []", "shop.yml")
    assert str(raised.value) == "shop.yml:1:1: unknown field 'group': did you mean groups?"


def test_several_mistakes_are_counted() -> None:
    with pytest.raises(ConfigFileError) as raised:
        parse("group: []\nslo: []")
    assert str(raised.value) == (
        "<string>: 2 mistakes\n"
        "  <string>:1:1: unknown field 'group': did you mean groups?\n"
        "  <string>:2:1: unknown field 'slo': did you mean slos?"
    )


def test_a_message_has_an_end() -> None:
    with pytest.raises(ConfigFileError) as raised:
        parse("groups: [" + "{}, " * 100 + "]")
    assert len(raised.value.mistakes) == 200
    assert str(raised.value).count("\n") == 101
    assert str(raised.value).endswith("\n  and 100 more")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    usable = "use the path of a rule file"
    gone = tmp_path / "gone.yml"
    assert mistakes(gone) == [f"{gone}: cannot be read: No such file or directory: {usable}"]
    folder = tmp_path / "folder.yml"
    folder.mkdir()
    assert mistakes(tmp_path / "*.yml") == [f"{folder}: cannot be read: Is a directory: {usable}"]
    assert mistakes("a\0b") == [f"a\0b: cannot be read: embedded null byte: {usable}"]


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_a_file_without_any_text(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(text)
    assert mistakes(file) == [f"{file}: is empty: write groups: [] if you mean that"]


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "large.yml"
    file.write_text("#" * (1024 * 1024 + 1))
    assert mistakes(file) == [f"{file}: is too large: use at most 1048576 bytes"]


@pytest.mark.parametrize(
    "text",
    [
        "groups: " + "[" * 100_000,
        "groups: " + "{a: " * 100_000,
        "? " * 100_000,
        "a: &a [" + "x, " * 1000 + "]\nb: [" + "*a, " * 1000 + "]",
        "a: &a {" + ", ".join(f"a{i}: 1" for i in range(1000)) + "}\n"
        "b: [" + "{<<: *a}, " * 1000 + "]",
        "groups: &g [{name: a, rules: *g}]",
        "groups: &g [*g]",
        "a: &a\n  <<: *a",
    ],
    ids=lambda text: text[:20],
)
def test_documents_that_would_never_end(text: str) -> None:
    with pytest.raises(ConfigFileError) as raised:
        parse(text)
    assert len(raised.value.mistakes) == 1


@pytest.mark.parametrize("expression", ["(" * 500, "a{99999999999}", "[[a]", "x{2,1}"])
def test_expressions_that_python_cannot_take(expression: str) -> None:
    text = f"""
slos:
  - {{name: a, objective: 99%, where: {{operation: '=~{expression}'}}}}
"""
    with pytest.raises(ConfigFileError, match="is not a regular expression: "):
        parse(text)
