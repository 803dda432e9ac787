"""The evaluator passes the tests by which Prometheus defines PromQL, or says which it does not.

`make test-promql` runs these, since the scripts are Prometheus' own.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from support import promqltest

NOT_PASSED = Path(__file__).with_name("promqltest_not_passed.txt")
"""Every case that is not passed, in groups with a reason. It can only shrink."""


def listed() -> dict[str, str]:
    """Return the reason of every case in the list."""
    reasons: dict[str, str] = {}
    reason = ""
    for line in NOT_PASSED.read_text().splitlines():
        if line.startswith("# "):
            reason = line.removeprefix("# ")
        elif line:
            reasons[line] = reason
    return reasons


def scripts() -> list[Path]:
    """Return the test scripts."""
    folder = os.environ.get(promqltest.VARIABLE, "")
    files = sorted(Path(folder).glob("*.test"))
    assert files, (
        f"{promqltest.VARIABLE}={folder} has no scripts of Prometheus: name a copy of "
        "promql/promqltest/testdata of its repository"
    )
    return files


def test_cases_of_prometheus(record_property: Any) -> None:
    files = scripts()
    outcomes: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for file in files:
        for case, outcome, problem in promqltest.run_file(file):
            outcomes[outcome] += 1
            if outcome == "failed":
                failed[case.key] = f"{case.query} {problem}"
    expected = listed()
    record_property(
        "summary",
        f"PromQL cases of Prometheus: {outcomes['passed']} passed, {outcomes['failed']} listed "
        "with a reason",
    )
    assert not {key: problem for key, problem in failed.items() if key not in expected}
    passed = expected.keys() - failed.keys()
    assert not passed, "these pass, so take them off the list"


def test_the_list_has_a_reason_for_every_case() -> None:
    assert all(listed().values())


def test_names_that_are_dropped_at_once_change_nothing_else() -> None:
    expected = listed()
    about_names = ("name_label_dropping.test", "type_and_unit.test")
    failed = [
        (case.key, case.query, problem)
        for file in scripts()
        for case, outcome, problem in promqltest.run_file(file, delayed_names=False)
        if outcome == "failed" and case.key not in expected and case.file not in about_names
    ]
    assert not failed
