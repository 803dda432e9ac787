"""Files of a shared directory are for their user, and no symbolic link leads out of it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

import vitalspan as vs
from support.worker_processes import die, make_monitor, publish
from vitalspan.workers.leadership import Leadership
from vitalspan.workers.private_files import make_directory


def use(path: Path) -> None:
    """Let processes make every kind of file there."""
    monitor, other = make_monitor(path), make_monitor(path)
    for _ in range(2):
        with monitor.operation("f"):
            pass
        publish(monitor)
        monitor.tick()
        other.tick()
        monitor.clock.advance(5.0)  # type: ignore[attr-defined]
        other.clock.advance(5.0)  # type: ignore[attr-defined]
        die(monitor)
        assert other.workers is not None
        other.workers.directory.archive_dead(0.0)
    for one in (monitor, other):
        one.close()


@pytest.mark.parametrize(("mode", "files"), [(None, 0o600), (0o755, 0o600), (0o2770, 0o660)])
def test_files_are_for_their_user_and_the_group_of_the_directory(
    tmp_path: Path, mode: int | None, files: int
) -> None:
    path = tmp_path / "shared"
    if mode is not None:
        path.mkdir()
        path.chmod(mode)
    use(path)
    if mode is None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.iterdir()}
    assert {"lock", "archive", "leader", "evaluation", "journal-1"} <= set(modes)
    assert set(modes.values()) == {files}


@pytest.mark.parametrize("name", ["lock", "leader", "evaluation.new", "journal-1", "archive"])
def test_symbolic_links_are_not_followed(tmp_path: Path, name: str) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    path = tmp_path / "shared"
    path.mkdir()
    (path / name).symlink_to(target)
    monitor = make_monitor(path)
    with monitor.operation("f"):
        pass
    assert monitor.workers is not None
    monitor.workers.publisher.publish()
    for _ in range(2):
        monitor.tick()
        monitor.clock.advance(5.0)  # type: ignore[attr-defined]
    assert b"operation_duration_seconds_count" in monitor.generate_latest()
    monitor.close()
    assert target.read_bytes() == b"precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_a_directory_of_another_user_to_which_anybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.mkdir()
    path.chmod(0o1777)
    make_directory(path)
    os.chown(path, 65534, 65534)
    with pytest.raises(vs.ConfigurationError, match="this directory belongs to another user"):
        make_monitor(path)
    with pytest.raises(
        PermissionError, match="it belongs to another user, and any user may write to it"
    ):
        make_directory(path)
    assert Leadership(path).acquire()
    assert not list(path.iterdir())


@pytest.mark.parametrize(
    ("number", "leads"),
    [(errno.EMFILE, False), (errno.EIO, False), (errno.EACCES, True), (errno.EROFS, True)],
)
def test_only_where_no_process_can_lock_each_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, leads: bool
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monitor = make_monitor(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("vitalspan.workers.leadership.open_file", refuse)
        leadership = Leadership(tmp_path)
        assert leadership.acquire() is leads
        assert not leadership.held
        monitor.tick()
        monitor.clock.advance(5.0)  # type: ignore[attr-defined]
        monitor.tick()
    # Whoever does not hold the lock leaves the file of the leader alone.
    assert not (tmp_path / "evaluation").exists()
    monitor.close()
