"""Changes of files are noticed by time, size and inode."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vitalspan.configfile.stamp import FileStamps


def later(file: Path) -> None:
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))


def longer(file: Path) -> None:
    before = file.stat()
    file.write_text("longer")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(file: Path) -> None:
    before = file.stat()
    other = file.with_suffix(".new")
    other.write_text(file.read_text())
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)


@pytest.mark.parametrize("change", [later, longer, replaced, Path.unlink])
def test_a_changed_file_is_noticed(tmp_path: Path, change: Callable[[Path], None]) -> None:
    file, other = tmp_path / "a.yml", tmp_path / "b.yml"
    file.write_text("short")
    other.write_text("other")
    stamps = FileStamps(other)
    stamps.add(file)
    assert not stamps.changed()
    change(file)
    assert stamps.changed()
    stamps.add(file)
    assert not stamps.changed()


def test_a_file_that_comes_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    stamps = FileStamps(file)
    assert not stamps.changed()
    file.touch()
    assert stamps.changed()


def test_a_path_that_no_file_can_have_never_changes() -> None:
    assert not FileStamps(Path("a\0b")).changed()
    assert not FileStamps().changed()
