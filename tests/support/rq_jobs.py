"""Jobs of RQ that end in every way."""

from __future__ import annotations

import os
import signal
import time

from opentelemetry import trace
from rq.job import Retry

import vitalspan as vs


def order(number: int) -> str:
    """Count something, and return the trace that the job belongs to."""
    vs.current_call().add("rows", number)
    return f"{trace.get_current_span().get_span_context().trace_id:032x}"


def fail() -> None:
    """Fail."""
    raise ValueError("no such order")


def again() -> Retry:
    """Ask for a retry."""
    return Retry(max=1)


def slow() -> None:
    """Take longer than allowed."""
    time.sleep(60)


def killed() -> None:
    """Be killed, as when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
