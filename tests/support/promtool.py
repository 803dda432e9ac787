"""promtool for tests: it checks rules, and evaluates them on given series."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from support.prometheus_server import prometheus_binary


def promtool(*arguments: str | Path, given: bytes = b"") -> str:
    """The complaints of promtool; empty if there are none.

    Args:
        arguments: the arguments of the command line.
        given: its input.
    """
    ended = subprocess.run(
        [prometheus_binary("promtool"), *map(str, arguments)],
        input=given,
        capture_output=True,
        timeout=500,
        check=False,
    )
    # Without complaints, it may write to its output, but nothing to its error output.
    said = ended.stderr if ended.returncode == 0 else ended.stdout + ended.stderr
    assert said or ended.returncode == 0, ended
    return said.decode()


def complaints(files: Mapping[str, str], directory: Path) -> str:
    """The complaints of promtool about exported files, including their tests."""
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    tests = [directory / name for name in files if name.startswith("tests")]
    checked = promtool("check", "rules", "--lint-fatal", directory / "rules.yml")
    return checked or promtool("test", "rules", *tests)


def alert(name: str, expr: str, **fields: Any) -> dict[str, Any]:
    """An alerting rule of Prometheus."""
    return {"alert": name, "expr": expr, **fields}


def firing(
    rules: Sequence[Mapping[str, Any]],
    series: Mapping[str, str],
    times: Iterable[str],
    directory: Path,
    step: str = "15s",
) -> dict[str, list[dict[str, str]]]:
    """The alerts that fire at some times: their labels, without `alertname` if there is one rule.

    Args:
        rules: the rules, evaluated in this order at every `step`.
        series: the series with their samples, one for each `step`.
        times: the times, such as `5m`.
        directory: the directory of the test.
        step: the time between evaluations.
    """
    found = evaluated('ALERTS{alertstate="firing"}', rules, series, times, directory, step)
    known = {"alertstate", "__name__", *(["alertname"] if len(rules) == 1 else [])}
    return {
        time: [{k: v for k, v in labels.items() if k not in known} for labels, _ in samples]
        for time, samples in found.items()
    }


def evaluated(
    expr: str,
    rules: Sequence[Mapping[str, Any]],
    series: Mapping[str, str],
    times: Iterable[str],
    directory: Path,
    step: str = "15s",
    spacing: str = "",
) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The result of an expression at some times: labels and values, in the order of the labels.

    Samples come with every step, or with a spacing of their own.
    """
    times = list(times)
    (directory / "rules.yml").write_text(
        json.dumps({"groups": [{"name": "group", "rules": list(rules)}]})
    )
    # The expectation is impossible, so that promtool reports the actual result.
    wanted = [{"labels": '{never="this"}', "value": 1}]
    test = {
        "interval": spacing or step,
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {"expr": expr, "eval_time": time, "exp_samples": wanted} for time in times
        ],
    }
    document = {"rule_files": ["rules.yml"], "evaluation_interval": step, "tests": [test]}
    (directory / "test.yml").write_text(json.dumps(document))
    said = promtool("test", "rules", directory / "test.yml")
    got = [line.strip() for line in said.splitlines() if line.strip().startswith("got:")]
    assert len(got) == len(times), said
    return {
        time: _samples(line.removeprefix("got:")) for time, line in zip(times, got, strict=True)
    }


def _samples(text: str) -> list[tuple[dict[str, str], float]]:
    decoder = json.JSONDecoder()
    samples = []
    text = text.strip()
    while text and text != "nil":
        labels: dict[str, str] = {}
        text = text.lstrip(", ")
        assert text.startswith("{"), text
        text = text[1:]
        while not text.startswith("}"):
            name, _, text = text.partition("=")
            # Quoted strings of Go are those of JSON, as long as they only have plain characters.
            value, end = decoder.raw_decode(text)
            labels[name.strip()] = value
            text = text[end:].lstrip(", ")
        number, _, text = text[1:].strip().partition(",")
        samples.append((labels, float(number)))
        text = text.strip()
    return sorted(samples, key=lambda sample: sorted(sample[0].items()))
