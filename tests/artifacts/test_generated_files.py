"""What is generated and committed is what the code generates."""

from __future__ import annotations

import pytest

from support.paths import ROOT
from support.promtool import promtool
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.demo.alerts import RULES
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import load

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

FOLDER = ROOT / "rules"
FILES = export(with_burn_rate_alerts(load(RULES)), Options(interval=5.0))


@pytest.mark.parametrize("name", FILES)
def test_the_demos_rules_are_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == FILES[name], "run  make artifacts"


def test_nothing_else_is_there() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(FILES)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "--lint-fatal", "rules.yml"),
        *(("test", "rules", name) for name in FILES if name.startswith("tests")),
    ],
    ids=" ".join,
)
def test_promtool_accepts_them(arguments: tuple[str, ...]) -> None:
    *command, file = arguments
    assert promtool(*command, FOLDER / file) == ""
