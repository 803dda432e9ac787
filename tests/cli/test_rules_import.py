"""`vitalspan rules import`."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitalspan.cli.main import main
from vitalspan.rules.file.load import load

SLO = """
  - name: {name}
    objective: 99.9
    sli:
      events:
        error_query: {bad}
        total_query: sum(rate(requests_total[{{{{.window}}}}]))
"""
FAILED = 'sum(rate(requests_total{job="shop",code="500"}[{{.window}}]))'


def written(directory: Path, *slos: tuple[str, str]) -> Path:
    """A file of sloth with these SLOs, each a name and the query of its errors."""
    file = directory / "sloth.yml"
    text = "".join(SLO.format(name=name, bad=bad) for name, bad in slos)
    file.write_text(f"version: prometheus/v1\nservice: shop\nslos:{text or ' []'}\n")
    return file


def test_slos_are_printed_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, rules = written(tmp_path, ("up", FAILED)), tmp_path / "rules.yml"
    assert main(["rules", "import", str(file)]) == 0
    printed, notes = capsys.readouterr()
    assert printed.startswith("# The SLOs of sloth.yml. ")
    assert notes.startswith(f'{file}:8:9: job="shop" is left out: ')
    assert main(["rules", "import", str(file), "--to", str(rules)]) == 0
    assert capsys.readouterr().out == f"{rules}\n"
    assert rules.read_text() == printed
    assert [slo.name for slo in load(rules).slos] == ["shop-up"]
    # A file that is there may have more than these SLOs.
    assert main(["rules", "import", str(file), "--to", str(rules)]) == 1
    assert capsys.readouterr().err.endswith(
        f"{rules} cannot be written: File exists: use another path\n"
    )


def test_the_exit_code_tells_that_something_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, ("up", FAILED), ("odd", "rate(x_total[5m])"))
    with pytest.raises(SystemExit) as ended:
        main(["rules", "import", str(file)])
    printed, notes = capsys.readouterr()
    assert ended.value.code == 1
    assert "shop-up" in printed
    assert "(SLO 'shop-odd' is left out)" in notes


def test_files_without_slos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rules", "import", str(written(tmp_path))])
    assert ended.value.code == 1
    assert capsys.readouterr() == ("", "there is no SLO in these files\n")
    assert main(["rules", "import", str(tmp_path / "gone.yml")]) == 1
    assert "cannot be read: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["yaml", "promql_parser"])
def test_a_missing_extra_is_named(
    missing: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = written(tmp_path, ("up", FAILED))
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    assert main(["rules", "import", str(file)]) == 1
    assert "vitalspan[promql]" in capsys.readouterr().err


RULES = """
groups:
- name: shop
  interval: 30s
  limit: 10
  labels: {team: shop}
  rules:
  - record: job:errors:rate5m
    expr: sum by (job) (rate(operation_errors_total{job="shop"}[5m]))
  - alert: Errors
    expr: job:errors:rate5m > 0.1
    for: 5m
    labels: {severity: page}
  - alert: Queue
    expr: queue_depth > 10 and on () ALERTS
"""
SERVER = """
  - alert: Down
    expr: up == 0
  - expr: sum(
"""


def test_rules_of_prometheus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, rules = tmp_path / "prometheus.yml", tmp_path / "rules.yml"
    file.write_text(RULES)
    assert main(["rules", "import", str(file), "--to", str(rules)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f'{file}:8:5: job:errors:rate5m runs, in the service that has job="shop"',
        f"{file}:10:5: Errors runs",
        f"{file}:14:5: Queue runs if the registry has queue_depth",
        "3 of 3 rules run in the process",
        f"{rules}",
    ]
    assert load(rules) == load(file)


def test_rules_that_need_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, rules = tmp_path / "prometheus.yml", tmp_path / "rules.yml"
    file.write_text(RULES + SERVER.lstrip("\n"))
    with pytest.raises(SystemExit) as ended:
        main(["rules", "import", str(file), "--to", str(rules)])
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "needs a server: up only exists where targets are scraped (Down needs" in out
    assert "alert is missing" in out
    assert "3 of 5 rules run in the process, 2 need a server" in out
    assert len(load(rules).groups[0].expressions) == 3


def test_rules_of_the_operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "prometheus.yml"
    indented = RULES.replace("\n", "\n  ")
    file.write_text(f"kind: PrometheusRule\nspec:{indented}\n")
    assert main(["rules", "import", str(file)]) == 0
    assert "3 of 3 rules run" in capsys.readouterr().out
    slos = written(tmp_path, ("up", FAILED))
    assert main(["rules", "import", str(file), str(slos)]) == 1
    assert "has no rules of Prometheus: give it on its own" in capsys.readouterr().err
