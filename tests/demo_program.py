"""A running `vitalspan demo` for tests: on a free port, always ended."""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
import urllib.request
from collections.abc import Iterator

from subprograms import COMMAND


class Demo:
    """A running `vitalspan demo`.

    Args:
        options: of its command line; those given later count.

    Attributes:
        greeting: the lines that it begins with.
        url: of its metrics.
    """

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "demo", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.greeting = list(
            itertools.takewhile(lambda line: line != "Ctrl-C ends it.\n", self.process.stdout)
        )
        self.url = next(line.split()[1] for line in self.greeting if line.startswith("  metrics"))

    def scrape(self, accept: str = "text/plain") -> str:
        request = urllib.request.Request(self.url, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=30) as response:
            text: str = response.read().decode()
        return text

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        self.process.send_signal(number)
        try:
            out, err = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, out, err


@contextlib.contextmanager
def running(*options: str) -> Iterator[Demo]:
    """Run the demo with some options until the end."""
    demo = Demo(*options)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.end()
        demo.process.communicate()
