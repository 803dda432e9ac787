"""Outcomes of runs: how a job ended, and the corresponding exit status."""

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
"""The number that shells add to the signal that ended a command."""

_ENDED_FROM_OUTSIDE: Final = frozenset(
    int(getattr(signal, name))
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
)


class Ending(NamedTuple):
    """The end of a run: its outcome and its exit status.

    Attributes:
        outcome: the outcome as one word.
        exit_status: the exit status of the process, or what it would be if it only ran the job.
    """

    outcome: Outcome
    exit_status: int


def exit_status_of_signal(number: int) -> int:
    """Return the exit status that shells use for a command that a signal ended."""
    return _SIGNAL_BASE + number


class Terminated(SystemExit):
    """Raised in a job when the process gets a termination signal, so that `finally` blocks run."""

    def __init__(self, number: int) -> None:
        super().__init__(exit_status_of_signal(number))


def ending_of_exception(error: BaseException | None) -> Ending:
    """Return how a block or a function ended.

    Args:
        error: the exception; None if there was none.
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
        returncode: the exit status; negative is the signal that ended it.
    """
    if returncode >= 0:
        return Ending(FAILED if returncode else SUCCEEDED, returncode)
    terminated = -returncode in _ENDED_FROM_OUTSIDE
    return Ending(TERMINATED if terminated else FAILED, exit_status_of_signal(-returncode))


def _exit_status(code: object) -> int:
    """Return the exit status for `SystemExit(code)`, as in Python's `sys.exit`."""
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1
