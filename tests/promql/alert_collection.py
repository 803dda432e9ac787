"""The evaluator and promtool answer alike for every alert of a collection of rule files.

`make test-promql ALERTS=folder` runs this, since collections are other people's. Series are made
up for each expression, so that most have a result.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from support.promql_series import evaluate
from support.promtool import promtool
from vitalspan.promql.engine.evaluation_context import EvaluationError
from vitalspan.promql.engine.metric_labels import NAME
from vitalspan.promql.engine.parse import PromqlError
from vitalspan.promql.engine.query import compile_query
from vitalspan.promql.engine.series import Selector
from vitalspan.promql.matchers import Matcher

VARIABLE: Final = "VITALSPAN_ALERTS"
"""The environment variable that names the folder of rule files."""

INTERVAL: Final = 300
SAMPLES: Final = 48
AT: Final = INTERVAL * (SAMPLES - 1)

SCALES: Final = (0.001, 1.0, 1e6)

TARGETS: Final = ({"job": "j", "instance": "a"}, {"job": "j", "instance": "b"})
BOUNDS: Final = ("0.1", "1", "10", "+Inf")


def expressions(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the expression of every alert."""
    for file in sorted(folder.rglob("*.yml")):
        for group in (yaml.safe_load(file.read_text()) or {}).get("groups") or ():
            for rule in group["rules"] or ():
                if "alert" in rule:
                    yield rule["alert"], rule["expr"]


def made_up(selectors: list[Selector], scale: float, chance: random.Random) -> dict[str, str]:
    """Return series of numbers of some size that selectors select, of two targets each."""
    series: dict[str, str] = {}
    for selector in selectors:
        name = selector.name or "made_up"
        own = {one.label: fitting(one) for one in selector.matchers if one.label != NAME}
        bounds = BOUNDS if name.endswith("_bucket") and "le" not in own else ("",)
        for target in TARGETS:
            count = 0
            for bound in bounds:
                labels = {**target, **own, **({"le": bound} if bound else {})}
                text = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
                count += chance.randrange(1, 60)
                values = f"{chance.randrange(100) * scale:g}+{count * scale:g}x{SAMPLES}"
                series.setdefault(f"{name}{{{text}}}", values)
    return series


def fitting(matcher: Matcher) -> str:
    """Return a value that fulfils a condition on a label, where one is easily found."""
    literal = re.sub(r"[\\^$]|\.\*|\.\+|[()?]", "", matcher.value.partition("|")[0])
    for value in (matcher.value, literal, "x", "", "1"):
        if matcher.matches(value):
            return value.replace("\\", "\\\\").replace('"', '\\"')
    return ""


def test_promtool_answers_alike(tmp_path: Path, record_property: Any) -> None:
    chance = random.Random(1)
    tests: list[dict[str, Any]] = []
    refused, failing, with_result = [], 0, set()
    alerts = list(expressions(Path(os.environ[VARIABLE])))
    for alert, expr in alerts:
        try:
            query = compile_query(expr)
        except PromqlError as reason:
            refused.append(f"{alert}: {reason}")
            continue
        for scale in SCALES:
            series = made_up([one.selector for one in query.demands], scale, chance)
            try:
                result = evaluate(expr, series, at=AT, interval=INTERVAL)
            except EvaluationError:
                failing += 1
                result = {}
            if result:
                with_result.add((alert, expr))
            tests.append(unit_test(expr, series, result))
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "fuzzy_compare": True, "tests": tests}))
    record_property(
        "summary",
        f"alerts of the collection: {len(alerts) - len(refused)} run, {len(with_result)} with a "
        f"result on series that were made up, {len(refused)} refused",
    )
    differences = [line.strip() for line in promtool("test", "rules", file).splitlines()]
    # What cannot be evaluated fails on both sides.
    assert [line for line in differences if line and "err:" not in line] in ([], ["FAILED:"])
    assert sum("err:" in line for line in differences) == failing


def unit_test(expr: str, series: dict[str, str], result: dict[str, Any]) -> dict[str, Any]:
    """Return a test of promtool that expects a result."""
    samples = [{"labels": labels, "value": value} for labels, value in result.items()]
    moment = {"expr": expr, "eval_time": f"{AT}s", "exp_samples": samples}
    return {
        "interval": f"{INTERVAL}s",
        "input_series": [{"series": key, "values": one} for key, one in series.items()],
        "promql_expr_test": [moment],
    }
