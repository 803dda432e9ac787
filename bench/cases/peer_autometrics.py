"""autometrics with its prometheus tracker, with and without concurrency."""

from __future__ import annotations

from autometrics import autometrics, init

from floor import awork, work
from harness import Subject, arguments, compare, emit, pin, versions


def main() -> None:
    """Measure sync and async subjects in turn."""
    effort, _ = arguments()
    pin(1)
    init(tracker="prometheus")
    concurrent = autometrics(track_concurrency=True)
    calls = compare(
        effort,
        {
            "autometrics": Subject(autometrics(work)),
            "autometrics, concurrency": Subject(concurrent(work)),
        },
        {
            "autometrics": Subject(autometrics(awork)),
            "autometrics, concurrency": Subject(concurrent(awork)),
        },
    )
    emit(calls=calls, packages=versions("autometrics", "prometheus-client"))


if __name__ == "__main__":
    main()
