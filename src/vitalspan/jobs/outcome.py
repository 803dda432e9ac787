"""Outcomes of runs: how a job ended, and the exit status that goes with it."""

from __future__ import annotations

import signal
from typing import Final, Literal, NamedTuple

from vitalspan.recording.call_record import CANCELLED, OK
from vitalspan.recording.outcome import outcome_of

Outcome = Literal["succeeded", "failed", "terminated"]

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
TERMINATED: Final = "terminated"

OUTCOMES: Final[tuple[Outcome, ...]] = (SUCCEEDED, FAILED, TERMINATED)

_SIGNAL_BASE: Final = 128
"""What shells add to the number of a signal that has ended a command."""

_ENDED_FROM_OUTSIDE: Final = frozenset(
    int(getattr(signal, name))
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
)


class Ending(NamedTuple):
    """The end of a run: its outcome and its exit status.

    Attributes:
        outcome: in one word.
        exit_status: what the process exits with, or would exit with if the job were all it does.
    """

    outcome: Outcome
    exit_status: int


def exit_status_of_signal(number: int) -> int:
    """Return the exit status that shells give to a command that a signal has ended."""
    return _SIGNAL_BASE + number


class Terminated(SystemExit):
    """Is raised in a job when the process gets a signal to end, so that `finally` blocks run."""

    def __init__(self, number: int) -> None:
        super().__init__(exit_status_of_signal(number))


def ending_of_exception(error: BaseException | None) -> Ending:
    """Return how a block or a function ended.

    Args:
        error: what it raised; None if it came to its end.
    """
    if error is None:
        return Ending(SUCCEEDED, 0)
    if isinstance(error, SystemExit):
        status = _exit_status(error.code)
        if isinstance(error, Terminated):
            return Ending(TERMINATED, status)
        return Ending(FAILED if status else SUCCEEDED, status)
    if isinstance(error, KeyboardInterrupt):
        return Ending(TERMINATED, exit_status_of_signal(signal.SIGINT))
    outcome = outcome_of(error)
    if outcome == OK:
        return Ending(SUCCEEDED, 0)
    return Ending(TERMINATED if outcome == CANCELLED else FAILED, 1)


def ending_of_command(returncode: int) -> Ending:
    """Return how a command ended.

    Args:
        returncode: its exit status; negative is the signal that has ended it.
    """
    if returncode >= 0:
        return Ending(FAILED if returncode else SUCCEEDED, returncode)
    terminated = -returncode in _ENDED_FROM_OUTSIDE
    return Ending(TERMINATED if terminated else FAILED, exit_status_of_signal(-returncode))


def _exit_status(code: object) -> int:
    """Return what a process exits with after `SystemExit(code)`, as in Python's `sys.exit`."""
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1
