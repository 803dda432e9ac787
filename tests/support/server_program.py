"""A program with an HTTP server, for tests: started on a free port, and awaited until ready."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from support.ports import free_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")

_ATTEMPTS = 5
_START_SECONDS = 180.0
_STOP_SECONDS = 60.0


class ServerProgram(ABC):
    """A program that can be stopped and restarted; it runs in a `with` statement.

    Args:
        binary: the program.
        config: its configuration, as YAML or as its content.
        home: the directory of its files.

    Attributes:
        log: the path of its log.
    """

    def __init__(self, binary: str, config: str | dict[str, Any], home: Path) -> None:
        self.home = home
        self.log = home / "log.txt"
        self._binary = binary
        self._config = home / "config.yml"
        text = config if isinstance(config, str) else json.dumps(config)
        self._config.write_text(text, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @abstractmethod
    def flags(self) -> list[str]:
        """The arguments besides its configuration and its address."""

    def start(self) -> None:
        """Start on a free port, or again on the previous one."""
        for _ in range(_ATTEMPTS):
            if not self._port:
                self._port = free_port()
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(
                    self._command(), stdout=output, stderr=subprocess.STDOUT
                )
            try:
                wait_until(lambda: self._ended() or self._ready(), _START_SECONDS)
            except BaseException:
                self.stop()
                raise
            if not self._ended():
                return
            self._process = None
            if b"address already in use" not in self.log.read_bytes():
                break
            self._port = 0
        raise AssertionError(f"it did not start:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        """End it, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def _command(self) -> list[str]:
        return [
            self._binary,
            f"--config.file={self._config}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            *self.flags(),
        ]

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as response:
                return response.status == 200
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False
