"""Measure vitalspan beside its peers and print one table.

Usage: python bench/run.py [--quick] [--only NAME] [--write] [--check]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from string import Template

from environments import BENCH, ROOT, Failed, Unavailable, run
from harness import FULL
from report import Line, Processes, lines, packages, table
from suite import CASES, Case, chosen

PAGE = ROOT / "docs" / "benchmarks.md"


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short and rough, to see that it runs")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help=", ".join(case.name for case in CASES)
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--check", action="store_true", help="fail if a target is missed")
    chosen_options = parser.parse_args()
    if chosen_options.write and (chosen_options.quick or chosen_options.only):
        parser.error("--write needs the whole run")
    if not chosen(chosen_options.only):
        parser.error("no case of that name")
    return chosen_options


def say(text: str) -> None:
    """Print the progress, separately from the table."""
    print(text, file=sys.stderr, flush=True)


def measure(cases: list[Case], *, quick: bool) -> tuple[Processes, list[str]]:
    """Run every case; return the measurements, and the cases that failed."""
    measured: Processes = {}
    broken = []
    for case in cases:
        start = time.perf_counter()
        try:
            times = 1 if quick else case.processes
            measured[case.name] = [run(case, quick=quick) for _ in range(times)]
        except Unavailable as error:
            say(f"{case.name}: left out, no environment: {error}")
        except Failed as error:
            say(f"{case.name}: {error}")
            broken.append(case.name)
        else:
            say(f"{case.name}: {time.perf_counter() - start:.1f} s")
    return measured, broken


def machine(measured: Processes) -> str:
    """The machine and versions of the measurements."""
    return (
        f"{os.cpu_count()} CPUs ({platform.machine()}), {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}; {packages(measured)}."
    )


def write(measured: Processes, rows: list[Line]) -> None:
    """Write the page of the documentation."""
    page = Template((BENCH / "page.md").read_text())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(
        page.substitute(
            machine=machine(measured),
            table=table(rows),
            rounds=FULL.rounds,
            spin=f"{FULL.spin_ms:g}",
        )
    )


def main() -> int:
    """Measure, print, and return the exit status."""
    asked = options()
    start = time.perf_counter()
    measured, broken = measure(chosen(asked.only), quick=asked.quick)
    rows = lines(measured)
    print(table(rows))
    print(f"\n{machine(measured)}")
    if asked.quick:
        print("A quick run: rough figures, and 200 operations where the table says 1,000.")
    say(f"{time.perf_counter() - start:.0f} s")
    if asked.write and not broken:
        write(measured, rows)
    missed = [said for row in rows for said in row.missed]
    for said in missed:
        print(f"missed: {said}")
    return 1 if broken or (asked.check and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
