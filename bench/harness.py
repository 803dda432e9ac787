"""Measure calls in one process: subjects take turns, round after round, with the plain call.

The standard library only: the peers' environments hold nothing else.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import json
import os
import statistics
import sys
from itertools import repeat
from time import perf_counter, perf_counter_ns
from typing import Any, NamedTuple

from floor import afloor, awork, floor, work


class Subject(NamedTuple):
    """A callable to time; `finish` runs at the end of every spin and inside its time."""

    call: Any
    finish: Any = None


class Effort(NamedTuple):
    """The effort of a measurement: rounds, and milliseconds for each subject in each round."""

    rounds: int
    spin_ms: float
    quick: bool


FULL = Effort(rounds=21, spin_ms=25.0, quick=False)
QUICK = Effort(rounds=5, spin_ms=5.0, quick=True)


def arguments() -> tuple[Effort, list[str]]:
    """Return the effort, and the other words of the command line."""
    words = sys.argv[1:]
    quick = "--quick" in words
    return (QUICK if quick else FULL), [word for word in words if word != "--quick"]


def pin(cores: int) -> None:
    """Use only the last `cores` of the available cores, if the system allows it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def spin(subject: Subject, calls: int) -> float:
    """Nanoseconds per call over `calls` calls."""
    call, finish = subject
    start = perf_counter_ns()
    for _ in repeat(None, calls):
        call(7)
    if finish is not None:
        finish()
    return (perf_counter_ns() - start) / calls


async def aspin(subject: Subject, calls: int) -> float:
    """Nanoseconds per call over `calls` awaited calls."""
    call, finish = subject
    start = perf_counter_ns()
    for _ in repeat(None, calls):
        await call(7)
    if finish is not None:
        finish()
    return (perf_counter_ns() - start) / calls


def enough(nanoseconds: float, calls: int, effort: Effort) -> bool:
    """Whether a trial of `calls` calls was long enough for a reliable figure."""
    return nanoseconds * calls >= effort.spin_ms * 1e6 / 5


def calls_for(nanoseconds: float, effort: Effort) -> int:
    """The number of calls of `nanoseconds` each in a spin."""
    return max(3, int(effort.spin_ms * 1e6 / nanoseconds))


def calibrate(subject: Subject, effort: Effort) -> int:
    """Warm a subject up, and return the number of its calls in a spin."""
    calls = 1
    while not enough(taken := spin(subject, calls), calls, effort):
        calls *= 4
    return calls_for(taken, effort)


async def acalibrate(subject: Subject, effort: Effort) -> int:
    """Warm an awaited subject up, and return the number of its calls in a spin."""
    calls = 1
    while not enough(taken := await aspin(subject, calls), calls, effort):
        calls *= 4
    return calls_for(taken, effort)


def order(names: list[str], number: int) -> list[str]:
    """The order in round `number`: everyone once, and nobody always after the same one."""
    start = number % len(names)
    turned = names[start:] + names[:start]
    return turned[::-1] if number % 2 else turned


def rounds(subjects: dict[str, Subject], effort: Effort) -> dict[str, list[float]]:
    """Time every subject in every round; return nanoseconds a call, one for each round."""
    calls = {name: calibrate(subject, effort) for name, subject in subjects.items()}
    seen: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(effort.rounds):
        for name in order(list(subjects), number):
            seen[name].append(spin(subjects[name], calls[name]))
    return seen


async def arounds(subjects: dict[str, Subject], effort: Effort) -> dict[str, list[float]]:
    """Time every awaited subject in every round; return nanoseconds per call for each round."""
    calls = {name: await acalibrate(subject, effort) for name, subject in subjects.items()}
    seen: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(effort.rounds):
        for name in order(list(subjects), number):
            seen[name].append(await aspin(subjects[name], calls[name]))
    return seen


def summary(seen: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Medians over the rounds: nanoseconds per call, and relative to the plain call of a round."""
    plain = seen["plain"]
    return {
        name: {
            "call": statistics.median(times),
            "overhead": statistics.median(
                mine - base for mine, base in zip(times, plain, strict=True)
            ),
        }
        for name, times in seen.items()
    }


def compare(
    effort: Effort,
    sync: dict[str, Subject] | None = None,
    awaited: dict[str, Subject] | None = None,
) -> dict[str, dict[str, Any]]:
    """Time subjects with the plain call and the floor; return one summary for each subject."""
    result: dict[str, dict[str, Any]] = {}
    if sync:
        subjects = {"plain": Subject(work), "floor": Subject(floor(work)), **sync}
        for name, figures in summary(rounds(subjects, effort)).items():
            result.setdefault(name, {})["sync"] = figures
    if awaited:
        subjects = {"plain": Subject(awork), "floor": Subject(afloor(awork)), **awaited}
        for name, figures in summary(asyncio.run(arounds(subjects, effort))).items():
            result.setdefault(name, {})["async"] = figures
    return result


def seconds(call: Any) -> float:
    """The duration of one call in seconds."""
    start = perf_counter()
    call()
    return perf_counter() - start


def version(package: str) -> str:
    """The version of an installed distribution; vitalspan's may run from its source tree."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(importlib.import_module(package), "__version__", "source tree"))


def versions(*packages: str) -> dict[str, str]:
    """The versions of several distributions."""
    return {package: version(package) for package in packages}


def emit(
    *,
    calls: dict[str, Any] | None = None,
    figures: dict[str, Any] | None = None,
    packages: dict[str, str] | None = None,
) -> None:
    """Print the measurements as the last line of standard output."""
    print(json.dumps({"calls": calls or {}, "figures": figures or {}, "versions": packages or {}}))
