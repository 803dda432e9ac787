"""`vitalspan rules check`, `explain` and `presets`."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.paths import RULE_FILES
from vitalspan.cli.main import main
from vitalspan.describe.rule_text import explain
from vitalspan.rules import presets
from vitalspan.rules.file.load import load, load_preset

FILES = RULE_FILES


def status(*arguments: str) -> object:
    """The exit status, however the command ends."""
    try:
        return main(arguments)
    except SystemExit as exit_:
        return exit_.code


def test_files_that_are_right(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(FILES / "good")
    assert status("rules", "check", "shop.yml", "every_field.yml", "empty.yml") == 0
    assert capsys.readouterr() == (
        (
            "shop.yml: 1 rule in 1 group, 2 SLOs\n"
            "every_field.yml: 19 rules in 3 groups, 2 SLOs\n"
            "empty.yml: 0 rules in 0 groups, 0 SLOs\n"
        ),
        "",
    )


def test_every_mistake_of_every_file_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(FILES)
    names = ("bad/unknown_section.yml", "good/shop.yml", "bad/alert_missing.yml", "gone.yml")
    assert status("rules", "check", *names) == 1
    assert capsys.readouterr() == (
        "good/shop.yml: 1 rule in 1 group, 2 SLOs\n",
        (
            "bad/unknown_section.yml:1:1: unknown field 'group': did you mean groups?\n"
            "bad/unknown_section.yml:4:1: unknown field 'alerts': there are groups, slos, presets, "
            "health\n"
            "bad/alert_missing.yml:4:9: alert is missing: add a name such as CheckoutSlow\n"
            "gone.yml: cannot be read: No such file or directory: use the path of a rule file\n"
        ),
    )


def test_notes_are_said_with_their_places(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(FILES / "noted")
    expected = [f"notes.yml:{line}" for line in Path("notes.txt").read_text().splitlines()]
    assert status("rules", "check", "notes.yml") == 0
    summary, *notes = capsys.readouterr().out.splitlines()
    assert summary == "notes.yml: 13 rules in 2 groups, 0 SLOs"
    assert notes == expected
    assert len(notes) >= 10
    assert status("rules", "check", "--strict", "notes.yml") == 1
    assert status("rules", "check", "--strict", "../good/shop.yml") == 0
    capsys.readouterr()
    # With a scrape a second, the windows are long enough.
    assert status("rules", "check", "--scrape-interval", "1s", "notes.yml") == 0
    rest = capsys.readouterr().out.splitlines()[1:]
    assert rest == [
        note
        for note in expected
        if "two samples" not in note and ":7:" not in note and "two values" not in note
    ] + [expected[-1]]


def test_explaining_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    file = FILES / "good" / "every_field.yml"
    assert status("rules", "explain", str(file)) == 0
    assert capsys.readouterr() == (explain(load(file)) + "\n", "")


def test_explaining_a_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status("rules", "explain", "wiki") == 0
    assert capsys.readouterr().out == explain(load_preset("wiki")) + "\n"
    # A file of that name is what is meant.
    (tmp_path / "wiki").write_text("groups: [{name: mine, rules: []}]")
    assert status("rules", "explain", "wiki") == 0
    assert capsys.readouterr().out == "Group mine:\n"


def test_what_is_neither(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("rules", "explain", "wikki") == 1
    assert status("rules", "explain", "wikki.yml") == 1
    assert status("rules", "presets", "wikki") == 1
    out, err = capsys.readouterr()
    assert out == ""
    unknown = "there is no preset 'wikki': did you mean wiki?"
    assert err.splitlines() == [
        f"vitalspan rules: {unknown}",
        (
            "vitalspan rules: wikki.yml: cannot be read: No such file or directory: "
            "use the path of a rule file"
        ),
        f"vitalspan rules: {unknown}",
    ]


def test_the_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("rules", "presets") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(presets.names())
    assert lines[0] == "benchmarks  The seven benchmarks of the unified monitor"


def test_a_preset_to_start_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("rules", "presets", "studio") == 0
    copy = tmp_path / "mine.yml"
    copy.write_text(capsys.readouterr().out)
    assert load(copy) == load_preset("studio")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "vitalspan rules: the following arguments are required: COMMAND"),
        (["chekc"], "vitalspan rules: argument COMMAND: invalid choice: 'chekc'"),
        (["check"], "vitalspan rules check: the following arguments are required: FILE"),
        (["explain"], "the following arguments are required: FILE|PRESET"),
        (["explain", "a", "b"], "vitalspan rules explain: unrecognized arguments: b"),
    ],
)
def test_arguments_that_cannot_be_used(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("rules", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.count("\n") == 1


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("rules", "--help") == 0
    text = capsys.readouterr().out
    assert all(command in text for command in ("check", "explain", "presets"))
