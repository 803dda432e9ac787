"""The file in which one process publishes its state, and which is consistent at every moment.

The file begins with a header and two commit records, of which the one with the higher sequence
number is valid. A new state is written where the valid one is not, and then the older commit record
is made to point to it. So a process may be killed at any point, or the disk may be full: the
previous state is still there. The file is written with `pwrite` rather than through a memory map,
because a store to a mapped page of a full tmpfs kills the process with SIGBUS.

The writer holds an exclusive lock (`flock`) on the file as long as it lives. The operating system
releases the lock when the process dies, however it dies, so the lock tells living processes from
dead ones; process ids are recycled and cannot.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32
from zlib import error as zlib_error

from vitalspan.workers.private_files import open_file

SUFFIX: Final = ".worker"
FORMAT: Final = 2
"""The version of the file format."""

_MAGIC: Final = b"VSPW"
_HEADER: Final = struct.Struct("<4sHHId16s")
"""Magic bytes, version, worker number, process id, start time of day, id of the process."""
_COMMIT: Final = struct.Struct("<QQQIdd")
"""Sequence number, offset, length and checksum of the payload, time of day, steady time."""
_CHECKSUM: Final = struct.Struct("<I")
_COMMITS: Final = (64, 128)
_DATA: Final = 192
_BLOCK: Final = 512
_ATTEMPTS: Final = 5


class UnreadableError(Exception):
    """A file without a state that this version can read."""


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Raise UnreadableError if something cannot be decoded inside.

    Args:
        what: what is decoded, for the message.
    """
    try:
        yield
    except (struct.error, zlib_error, LookupError, ValueError, TypeError, AttributeError) as fault:
        raise UnreadableError(f"{what} cannot be decoded ({fault!r:.80})") from None


class Header(NamedTuple):
    """The process that a file belongs to."""

    id: str
    worker: int
    pid: int
    started: float
    """The start of the process in seconds since the Unix epoch."""


class Commit(NamedTuple):
    """The place of a published state in the file."""

    sequence: int
    offset: int
    length: int
    checksum: int
    published: float
    """When it was published, in seconds since the Unix epoch."""
    counted: float
    """The time on the steady clock, in seconds, until which all ended calls are counted."""


class StateFile:
    """The file of this process, which it keeps locked.

    Args:
        directory: the directory for the file.
        worker: the number of this process among the living ones.
        pid: the process id, as information for people.
        now: seconds since the Unix epoch.
        suffix: the suffix of the file name.

    Raises:
        OSError: if it cannot be created; nothing is left behind.
    """

    def __init__(
        self, directory: Path, worker: int, pid: int, now: float, suffix: str = SUFFIX
    ) -> None:
        self.header = Header(secrets.token_hex(8), worker, pid, now)
        self.path = directory / f"{self.header.id}{suffix}"
        # Under another name until it is locked, or a reader would think that the process is dead.
        unfinished = directory / f".{self.header.id}.new"
        self._file = open_file(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self._commit = Commit(0, _DATA, 0, 0, now, 0.0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            packed = _HEADER.pack(_MAGIC, FORMAT, worker, pid, now, self.header.id.encode())
            _write(self._file, packed + _CHECKSUM.pack(crc32(packed)), 0)
            unfinished.rename(self.path)
        except BaseException:
            os.close(self._file)
            unfinished.unlink(missing_ok=True)
            raise

    def write(self, payload: bytes, now: float, counted: float = 0.0) -> None:
        """Publish a state.

        Args:
            payload: the state.
            now: seconds since the Unix epoch.
            counted: the time on the steady clock until which all ended calls are counted.

        Raises:
            OSError: if it cannot be written, for example to a full disk; the previous state stays.
        """
        last = self._commit
        offset = _DATA
        if len(payload) > last.offset - _DATA:
            # Some spare room lets states that grow a little alternate between two places.
            after = last.offset + last.length + len(payload) // 8
            offset = -(-after // _BLOCK) * _BLOCK
        _write(self._file, payload, offset)
        commit = Commit(last.sequence + 1, offset, len(payload), crc32(payload), now, counted)
        packed = _COMMIT.pack(*commit)
        _write(self._file, packed + _CHECKSUM.pack(crc32(packed)), _COMMITS[commit.sequence % 2])
        self._commit = commit

    @property
    def is_lost(self) -> bool:
        """Whether the file has been removed, so that nobody can see what is written to it."""
        return os.fstat(self._file).st_nlink == 0

    def close(self) -> None:
        """Close the file. Its state stays, as that of a process that has ended.

        In a forked child, the lock stays with the parent.
        """
        with suppress(OSError):
            os.close(self._file)


def _write(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        offset += written
        view = view[written:]


class PublishedState(NamedTuple):
    """The latest state that a process has published.

    Attributes:
        header: identifies the process.
        commit: identifies the state.
        payload: the state; empty if its commit is already known.
        living: whether the process lives.
    """

    header: Header
    commit: Commit
    payload: bytes
    living: bool


def read_state(path: Path, known: Commit | None = None) -> PublishedState | None:
    """Read the latest state that a process has published; None if it has published none.

    Args:
        path: the path of the file.
        known: the commit of a state that was read before, and is not read again.

    Raises:
        UnreadableError: for a file that is damaged, foreign or of another version.
        OSError: if it cannot be opened, for example because it was removed just now.
    """
    file = open_file(path, os.O_RDONLY)
    try:
        header = _read_header(file)
        # Before the state is read: a process that dies in between cannot have published more.
        living = _is_locked(file)
        for _ in range(_ATTEMPTS):
            commits = _read_commits(file)
            if not commits:
                if any(os.pread(file, _DATA - _COMMITS[0], _COMMITS[0])):
                    raise UnreadableError("both of its commit records are damaged")
                return None
            # The previous one comes after the newest, in case that is damaged.
            for commit in commits:
                if commit == known:
                    return PublishedState(header, commit, b"", living)
                payload = os.pread(file, commit.length, commit.offset)
                if len(payload) == commit.length and crc32(payload) == commit.checksum:
                    return PublishedState(header, commit, payload, living)
        raise UnreadableError("its checksum is wrong")
    finally:
        os.close(file)


def read_header(path: Path) -> tuple[Header, bool]:
    """Return the header of a file, and whether its process lives.

    Raises:
        UnreadableError: for a file that is damaged, foreign or of another version.
        OSError: if it cannot be opened.
    """
    file = open_file(path, os.O_RDONLY)
    try:
        return _read_header(file), _is_locked(file)
    finally:
        os.close(file)


def has_magic(path: Path) -> bool:
    """Whether a file begins like those of workers of any version."""
    try:
        with open(path, "rb", opener=open_file) as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _read_header(file: int) -> Header:
    data = os.pread(file, _HEADER.size + _CHECKSUM.size, 0)
    if data[:4] != _MAGIC:
        raise UnreadableError("it is not a file of a worker")
    if len(data) < _HEADER.size + _CHECKSUM.size:
        raise UnreadableError("its header is cut off")
    _, version, worker, pid, started, name = _HEADER.unpack_from(data)
    if version != FORMAT:
        raise UnreadableError(f"its format is {version}, and this version reads format {FORMAT}")
    if _CHECKSUM.unpack_from(data, _HEADER.size)[0] != crc32(data[: _HEADER.size]):
        raise UnreadableError("its header is damaged")
    return Header(name.decode("ascii", "replace"), worker, pid, started)


def _read_commits(file: int) -> list[Commit]:
    """Return the intact commit records, the newest first."""
    records = os.pread(file, _DATA - _COMMITS[0], _COMMITS[0])
    commits = []
    for at in _COMMITS:
        data = records[at - _COMMITS[0] :][: _COMMIT.size + _CHECKSUM.size]
        if len(data) < _COMMIT.size + _CHECKSUM.size:
            continue
        if _CHECKSUM.unpack_from(data, _COMMIT.size)[0] != crc32(data[: _COMMIT.size]):
            continue
        commit = Commit(*_COMMIT.unpack_from(data))
        # A damaged record must not make the reader ask for terabytes.
        if commit.offset + commit.length <= os.fstat(file).st_size:
            commits.append(commit)
    return sorted(commits, reverse=True)


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    # Closing the file releases the lock.
    return False
