"""Runs a command as a job: signals are passed on to it, and its exit status is kept."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

from opentelemetry import trace

from vitalspan.jobs.environment import environment_of_context
from vitalspan.jobs.job import Job
from vitalspan.jobs.outcome import SUCCEEDED, Ending, ending_of_command

_NOT_EXECUTABLE: Final = 126
_NOT_FOUND: Final = 127
"""The exit status of shells if a command cannot be run."""

_STDIN: Final = 0

_PASSED_ON: Final = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGINT")


def status_of_refusal(refused: OSError) -> int:
    """Return the exit status of shells for a command that cannot be run."""
    return _NOT_FOUND if refused.errno == errno.ENOENT else _NOT_EXECUTABLE


def run_command(job: Job, command: Sequence[str]) -> int:
    """Run a command as a run of a job.

    The command gets the trace context in `TRACEPARENT` and similar variables.

    Args:
        job: the job.
        command: the program and its arguments.

    Returns:
        Its exit status; negative is the signal that ended it.
    """
    run = job.run()
    call = run.start()
    call.set_attribute("process.executable.name", os.path.basename(command[0]))  # noqa: PTH119
    returncode = _NOT_FOUND
    try:
        returncode = _returncode(command)
    finally:
        ending = ending_of_command(returncode)
        if ending.outcome != SUCCEEDED:
            call.fail(_reason(returncode), error_type=_error_type(returncode))
        run.finish(Ending(ending.outcome, ending.exit_status))
    return returncode


def exit_like(returncode: int) -> None:
    """End this process in the same way as the command, also by the same signal.

    Args:
        returncode: the exit status; negative is a signal.

    Raises:
        SystemExit: with the exit status.
    """
    if returncode >= 0:
        raise SystemExit(returncode)
    if sys.stdout is not None:
        sys.stdout.flush()
    _export_spans()
    with suppress(OSError, ValueError):
        # The command has dumped its own core if that is wanted.
        import resource  # noqa: PLC0415 - Windows has none

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):
        signal.signal(-returncode, signal.SIG_DFL)
    os.kill(os.getpid(), -returncode)
    # The signal may be one that does not end the process.
    raise SystemExit(ending_of_command(returncode).exit_status)


def _returncode(command: Sequence[str]) -> int:
    with _passing_on_signals() as started:
        try:
            process = subprocess.Popen(  # noqa: S603 - running what it is given is what it is for
                command, env={**os.environ, **environment_of_context()}
            )
        except OSError as refused:
            print(f"{command[0]}: {refused.strerror or refused}", file=sys.stderr)  # noqa: T201
            return status_of_refusal(refused)
        started(process)
        return _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a command to end; signals are passed on while it runs.

    The main thread reads a pipe that signals write to. While waiting for the process itself, a
    signal that arrives at the very beginning would only be handled at the end.
    """
    news, telling = os.pipe()
    os.set_blocking(telling, False)

    def tell_the_end() -> None:
        process.wait()
        os.write(telling, b"\0")

    waiting = threading.Thread(target=tell_the_end, name="vitalspan-job", daemon=True)
    before = signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    try:
        waiting.start()
        while process.returncode is None:
            os.read(news, 512)
        waiting.join()
    finally:
        signal.set_wakeup_fd(before)
        os.close(news)
        os.close(telling)
    return process.returncode


@contextmanager
def _passing_on_signals() -> Iterator[Any]:
    """Pass signals on to a command from its start to its end."""
    processes: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        if not processes:
            early.append(number)
        elif number != signal.SIGINT or not os.isatty(_STDIN):
            # A terminal sends interrupts to the command itself.
            processes[0].send_signal(number)

    def started(process: subprocess.Popen[bytes]) -> None:
        processes.append(process)
        for number in early:
            process.send_signal(number)

    numbers = [getattr(signal, name) for name in _PASSED_ON if hasattr(signal, name)]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _export_spans() -> None:
    """Export the spans, because a process that a signal ends runs no exit handlers."""
    shutdown = getattr(trace.get_tracer_provider(), "shutdown", None)
    if shutdown is not None:
        shutdown()


def _reason(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit status {returncode}"


def _error_type(returncode: int) -> str:
    if returncode < 0:
        with suppress(ValueError):
            return signal.Signals(-returncode).name
    return "exit_status"
