"""PostgreSQL and Redis for tests: started on a free loopback port, and always stopped."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from support.ports import free_port
from support.redis_server import RedisServer
from support.waiting import wait_until

_POSTGRESQL = Path("/usr/lib/postgresql")
"""The directories of the programs of PostgreSQL on Debian, by version."""


def program(name: str) -> str:
    """Return the path of a program; without it, the test is skipped, or fails if it is required."""
    folders = [str(one / "bin") for one in sorted(_POSTGRESQL.glob("*"), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *folders]))
    if found is None:
        reason = f"{name} is not installed"
        if os.environ.get("VITALSPAN_NO_SKIP") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class DatabaseServer:
    """A server that can be stopped and started again.

    Args:
        command: the command that starts it in the foreground.
        is_ready: returns whether it responds.
        url: the URL of a database in it.
        user: the user that it runs as; None for the user of the tests.
    """

    def __init__(
        self,
        command: list[str],
        is_ready: Callable[[], bool],
        url: str,
        user: str | None = None,
    ) -> None:
        self.url = url
        self._command = command
        self._is_ready = is_ready
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it responds."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self._user
        )
        wait_until(self._is_ready)

    def stop(self) -> None:
        """End it, if it runs, without waiting for open connections."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def run_postgresql() -> Iterator[DatabaseServer]:
    """Run PostgreSQL with an empty database until the end."""
    initdb, postgres, ready = program("initdb"), program("postgres"), program("pg_isready")
    # It refuses to run as root, and its user cannot read the folders of the tests.
    user = "postgres" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="vitalspan-"))
    try:
        if user:
            shutil.chown(home, user)
        subprocess.run(
            [initdb, "-D", str(home / "data"), "-U", "vitalspan", "-A", "trust", "--no-sync"],
            check=True,
            capture_output=True,
            timeout=300,
            user=user,
            cwd=home,
        )
        port = free_port()
        options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1"]
        options += ["-c", f"unix_socket_directories={home}", "-c", "fsync=off"]
        check = [ready, "-q", "-h", "127.0.0.1", "-p", str(port)]
        server = DatabaseServer(
            [postgres, "-D", str(home / "data"), *options],
            lambda: subprocess.run(check, check=False).returncode == 0,
            f"postgresql+psycopg://vitalspan@127.0.0.1:{port}/postgres",
            user,
        )
        with contextlib.ExitStack() as stack:
            stack.callback(server.stop)
            server.start()
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


class SavingRedis(RedisServer):
    """A Redis whose data survives a restart."""

    def flags(self) -> list[str]:
        return ["--bind", "127.0.0.1", "--save", "3600", "1"]


def run_redis(home: Path) -> SavingRedis:
    """Return a Redis that runs in a `with` statement; without the program, the test is skipped."""
    return SavingRedis(program("redis-server"), "", home)


@contextlib.contextmanager
def frozen(server: DatabaseServer | RedisServer) -> Iterator[None]:
    """Stop all processes of a server meanwhile: its connections stay open, and nothing answers."""
    assert server._process is not None
    parent = psutil.Process(server._process.pid)
    processes = [parent, *parent.children(recursive=True)]
    try:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
