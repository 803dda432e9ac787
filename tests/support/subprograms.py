"""Run a short program in a separate interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

SECONDS: Final = 180
"""The timeout of a program in seconds."""

COMMAND: Final = [
    sys.executable,
    "-c",
    "from vitalspan.cli.main import main; raise SystemExit(main())",
]
"""The command `vitalspan`, wherever it is installed."""

PRELUDE: Final = """
import os, sys
import vitalspan as vs
from prometheus_client import CollectorRegistry
"""

FORKING: Final = """
import signal, traceback, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads

def in_child(work):
    "Do some work in a child and end with its exit status."
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code == 0, f"the child ended with {code}"
        return
    code = 1
    try:
        signal.alarm(30)
        work()
        sys.stdout.flush()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
"""
"""For programs that fork: `in_child(work)` fails if the work does."""


def run_program(
    program: str,
    *flags: str,
    prelude: str = PRELUDE,
    measured: bool = True,
    seconds: float = SECONDS,
    **variables: str,
) -> str:
    """Run a program and return its output; it must end with 0 and print no error.

    A program that is not measured runs without coverage, whose tracer takes its own locks and does
    not survive an exception in a signal handler. It may import from `support`.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if measured or not name.startswith("COVERAGE_")
    }
    paths = [str(Path(__file__).parents[1]), *filter(None, [inherited.get("PYTHONPATH")])]
    inherited["PYTHONPATH"] = os.pathsep.join(paths)
    ended = subprocess.run(
        [sys.executable, "-W", "error", *flags, "-c", prelude + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**inherited, **variables},
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    return ended.stdout
