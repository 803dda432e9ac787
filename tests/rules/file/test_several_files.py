"""Several rule files that are read as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitalspan.configfile.report import ConfigFileError
from vitalspan.rules.file.load import load

SLO = "slos: [{name: paid, where: {operation: pay}, objective: 99%}]"
BURNS = "groups: [{name: b, rules: [{alert: Burns, signal: burn_rate, slo: paid, above: 2}]}]"
BUSY = "groups: [{name: a, rules: [{alert: Busy, signal: rate, above: 5}]}]"


def written(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.yml").write_text(text)
    return folder


def test_a_rule_may_name_an_slo_of_another_file(tmp_path: Path) -> None:
    written(tmp_path, burns=BURNS, slos=SLO)
    rules = load([tmp_path / "burns.yml", str(tmp_path / "slos.yml")])
    assert [group.name for group in rules.groups] == ["b"]
    assert [slo.name for slo in rules.slos] == ["paid"]


def test_a_directory_and_a_pattern_are_the_files_in_them(tmp_path: Path) -> None:
    folder = written(tmp_path / "rules.d", b=BURNS, a=BUSY, s=SLO)
    (folder / "also.yaml").write_text("groups: []")
    (folder / ".hidden.yml").write_text("nonsense")
    (folder / "notes.txt").write_text("nonsense")
    (folder / "below.yml").mkdir()
    assert [group.name for group in load(folder).groups] == ["a", "b"]
    assert load([folder / "[ab].yml", folder / "s.yml", folder]) == load(folder)
    assert load(written(tmp_path / "empty")).groups == ()


def test_all_mistakes_of_all_files_are_told_in_their_order(tmp_path: Path) -> None:
    written(tmp_path, a=BUSY.replace("above", "abov"), b=BURNS, c=BUSY + "\nhealth: {}\n" + SLO)
    written(tmp_path, d="health: {}\n" + SLO)
    with pytest.raises(ConfigFileError) as raised:
        load(tmp_path)
    a, c, d = (tmp_path / f"{name}.yml" for name in "acd")
    files = [mistake.split(":")[0] for mistake in raised.value.mistakes]
    assert files == sorted(files)
    assert files[0] == str(a)
    told = "\n".join(raised.value.mistakes)
    assert f"{d}:1:9: health is defined already, at {c}:2:9: put all of it into one file" in told
    assert f"{d}:2:8: SLO 'paid' is defined already, at {c}:3:8" in told


def test_a_group_is_in_one_file(tmp_path: Path) -> None:
    written(tmp_path, a=BUSY, b=BUSY)
    with pytest.raises(ConfigFileError, match="group 'a' is defined already"):
        load(tmp_path)


def test_a_file_that_is_no_yaml_does_not_hide_others_that_are_none(tmp_path: Path) -> None:
    written(tmp_path, a="groups: [", b="slos: {", c=BUSY)
    with pytest.raises(ConfigFileError) as raised:
        load(tmp_path)
    assert len(raised.value.mistakes) == 2
