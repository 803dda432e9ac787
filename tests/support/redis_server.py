"""A real Redis for tests: started on a free port, and always stopped."""

from __future__ import annotations

import socket
from pathlib import Path

from support.prometheus_server import prometheus_binary
from support.server_program import ServerProgram


class RedisServer(ServerProgram):
    """A Redis without files on disk."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def flags(self) -> list[str]:
        return ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def _command(self) -> list[str]:
        return [self._binary, "--port", str(self._port), "--dir", str(self.home), *self.flags()]

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def run_redis(home: Path) -> RedisServer:
    """A Redis that runs in a `with` statement; without the program, the test is skipped."""
    return RedisServer(prometheus_binary("redis-server"), "", home)
