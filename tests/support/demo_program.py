"""A running `vitalspan demo` for tests: on a free port, and always stopped."""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
import urllib.request
from collections.abc import Iterator

from support.subprograms import COMMAND


class Demo:
    """A running `vitalspan demo`.

    Args:
        options: the options of its command line; later ones precede.

    Attributes:
        greeting: the lines of its greeting.
        url: the URL of its metrics.
    """

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "demo", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Unbuffered, so that no line after the greeting is read here and lost for `wait`.
            bufsize=0,
        )
        self.greeting = list(
            itertools.takewhile(lambda line: line != "Ctrl-C ends it.\n", iter(self.read_line, ""))
        )
        self.url = next(line.split()[1] for line in self.greeting if line.startswith("  metrics"))

    def scrape(self, accept: str = "text/plain") -> str:
        request = urllib.request.Request(self.url, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=30) as response:
            text: str = response.read().decode()
        return text

    def read_line(self) -> str:
        """The next line of its output; empty once it has ended."""
        assert self.process.stdout
        return self.process.stdout.readline().decode()

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Send it a signal, and wait for its end."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str, str]:
        """Wait for its end; return its exit code, the rest of its output, and its errors."""
        try:
            out, err = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, out.decode(), err.decode()


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
