"""When rule files are read again: by ticks that find them changed and still."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.waiting import wait_until
from support.watched import Watched
from vitalspan.rules import rule_files


def group(name: str) -> str:
    return f"groups: [{{name: {name}, rules: [{{alert: {name}, signal: rate, above: 1000}}]}}]"


def names(watched: Watched) -> set[str]:
    return {found.name for found in watched.monitor.rules.in_force.groups}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    watched = Watched()
    (tmp_path / "a.yml").write_text(group("A"))
    watched.monitor.rules.load(tmp_path / "a.yml")
    return watched


def test_a_file_that_is_caught_half_written_changes_nothing(
    watched: Watched, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.yml"
    path.write_text("")
    watched.tick()
    path.write_text(group("B")[:20])
    watched.tick()
    path.write_text(group("BB"))
    watched.tick()
    assert names(watched) == {"A"}
    watched.tick()
    assert names(watched) == {"BB"}
    assert caplog.records == []
    assert watched.sample("vitalspan_rules_reload_failed") == 0


def test_a_file_that_stays_empty_is_a_reload_that_failed(
    watched: Watched, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.yml").write_text("")
    watched.tick(3)
    assert names(watched) == {"A"}
    assert watched.sample("vitalspan_rules_reload_failed") == 1
    assert len(caplog.records) == 1
    assert "is empty: write groups: []" in caplog.text
    (tmp_path / "a.yml").write_text("groups: []")
    watched.tick(2)
    assert names(watched) == set()
    assert watched.sample("vitalspan_rules_reload_failed") == 0


def test_a_file_that_is_added_to_a_directory_is_read(tmp_path: Path) -> None:
    watched = Watched()
    (tmp_path / "a.yml").write_text(group("A"))
    watched.monitor.configure(rules=str(tmp_path))
    (tmp_path / "b.yml").write_text(group("B"))
    watched.tick(2)
    assert names(watched) == {"A", "B"}
    (tmp_path / "a.yml").unlink()
    watched.tick(2)
    assert names(watched) == {"B"}
    assert watched.monitor.rules.paths == (tmp_path,)


def test_several_files_are_named_with_commas(tmp_path: Path) -> None:
    watched = Watched()
    for name in ("a", "b"):
        (tmp_path / f"{name}.yml").write_text(group(name.upper()))
    watched.monitor.configure(rules=f"{tmp_path / 'a.yml'}, {tmp_path / 'b.yml'}")
    assert names(watched) == {"A", "B"}
    with_comma = tmp_path / "c,d.yml"
    with_comma.write_text(group("C"))
    watched.monitor.configure(rules=str(with_comma))
    assert names(watched) == {"C"}


def test_large_files_are_read_beside_the_ticks(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_files, "_READ_IN_TICK", 0)
    (tmp_path / "a.yml").write_text(group("B"))
    watched.tick(2)

    def read() -> bool:
        watched.tick()
        return names(watched) == {"B"}

    wait_until(read)
    (tmp_path / "a.yml").write_text("groups: {")

    def refused() -> bool:
        watched.tick()
        return watched.sample("vitalspan_rules_reload_failed") == 1

    wait_until(refused)
    assert names(watched) == {"B"}


def test_where_no_thread_can_be_had_a_tick_reads_large_files(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_files, "_READ_IN_TICK", 0)
    monkeypatch.setattr(rule_files._Reading, "start", lambda reading: False)
    (tmp_path / "a.yml").write_text(group("B"))
    watched.tick(2)
    assert names(watched) == {"B"}
