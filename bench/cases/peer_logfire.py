"""The decorator of logfire, without sending anything."""

from __future__ import annotations

import logfire

from floor import awork, work
from harness import Subject, arguments, compare, emit, pin, versions


def main() -> None:
    """Measure sync and async subjects in turn."""
    effort, _ = arguments()
    pin(1)
    logfire.configure(send_to_logfire=False, console=False)
    calls = compare(
        effort,
        {"logfire": Subject(logfire.instrument(work))},
        {"logfire": Subject(logfire.instrument(awork))},
    )
    emit(calls=calls, packages=versions("logfire", "opentelemetry-sdk"))


if __name__ == "__main__":
    main()
