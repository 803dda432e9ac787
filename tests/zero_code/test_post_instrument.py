"""The hook of `opentelemetry-instrument`: inert, unless a variable asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support.paths import ROOT
from vitalspan.zero_code.post_instrument import post_instrument

PROGRAM = """
import sys
from shop import pay
pay(1)
print(*sorted(name for name in sys.modules if name.startswith("vitalspan.zero_code.start")))
if "vitalspan" in sys.modules:
    import vitalspan as vs
    print(*[(call.operation, bool(call.trace_id)) for call in vs.get_monitor().recent_calls()])
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A module, and what an installed vitalspan says of its hook."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [(group, points)] = project["entry-points"].items()
    metadata = tmp_path / "installed-0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: installed\nVersion: 0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    (tmp_path / "shop.py").write_text("def pay(amount):\n    return amount\n")
    (tmp_path / "main.py").write_text(PROGRAM)
    return tmp_path


def instrumented(shop: Path, **variables: str) -> str:
    program = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
    options = ("--traces_exporter", "none", "--metrics_exporter", "none", "--logs_exporter", "none")
    path = os.pathsep.join([str(shop), *filter(None, sys.path)])
    ended = subprocess.run(
        [sys.executable, "-c", program, *options, sys.executable, "main.py"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=shop,
        env={
            **os.environ,
            "PYTHONPATH": path,
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*",
            **variables,
        },
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.once
def test_it_is_inert(shop: Path) -> None:
    first, *_ = instrumented(shop).splitlines()
    assert first == ""


@pytest.mark.once
def test_a_variable_asks_for_it(shop: Path) -> None:
    printed = instrumented(shop, VITALSPAN_OPERATIONS="shop:*")
    assert printed.splitlines()[-1].startswith("('pay', ")


def test_a_mistake_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VITALSPAN_OPERATIONS", "shop")
    post_instrument()
    assert "vitalspan instruments nothing: VITALSPAN_OPERATIONS: 'shop'" in caplog.text
