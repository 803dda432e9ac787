"""Python environments of the peers, and processes in them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from suite import BESIDE, BROWSER, OWN, Case

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
KEPT = ROOT / ".bench"
# A developer's values of these variables would change the measurements.
FOREIGN = ("OTEL_", "LOGFIRE_", "PROMETHEUS_", "AUTOMETRICS_", "PYTHON", "COVERAGE_")
TIMEOUT_SECONDS = 600


class Unavailable(Exception):
    """A peer's environment could not be created."""


class Failed(Exception):
    """A case ended with an error."""


def _run(command: list[str], **options: Any) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False, **options
    )
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise Failed(f"{' '.join(Path(word).name for word in command[:4])}: {tail}")
    return done.stdout


def _fingerprint(requirements: Path) -> str:
    text = requirements.read_text() + sys.executable + platform.python_version()
    return hashlib.sha256(text.encode()).hexdigest()


def interpreter(environment: str) -> str:
    """Return the Python of an environment; create it if its requirements are new.

    Raises:
        Unavailable: if the environment cannot be made, as without a network.
    """
    if environment == BROWSER and not (
        shutil.which("chromium") or shutil.which("chromium-browser")
    ):
        raise Unavailable("Chromium is not installed")
    if environment in (OWN, BROWSER):
        return sys.executable
    requirements = BENCH / "peers" / f"requirements-{environment}.txt"
    place = KEPT / environment
    stamp = place / "fingerprint"
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if stamp.exists() and stamp.read_text() == _fingerprint(requirements):
        return str(python)
    shutil.rmtree(place, ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(place)])
        install = [str(python), "-m", "pip", "install", "--quiet", "--requirement"]
        _run([*install, str(requirements)])
    except (Failed, OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    stamp.write_text(_fingerprint(requirements))
    return str(python)


def _variables(environment: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    paths = [str(BENCH)]
    if environment in (OWN, BROWSER, BESIDE):
        given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        paths += [str(Path(path).resolve()) for path in given if path]
        if environment == BESIDE or importlib.util.find_spec("vitalspan") is None:
            paths.append(str(ROOT / "src"))
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def run(case: Case, *, quick: bool) -> dict[str, Any]:
    """Run a case once in a fresh process, and return its measurements.

    Raises:
        Unavailable: if the peer's environment cannot be made.
        Failed: if the process ends with an error or takes too long.
    """
    command = [interpreter(case.environment), "-m", case.module]
    command += (case.word or "").split() + ["--quick"] * quick
    try:
        # The repository is not in the path of `-m`, so the installed package is measured.
        printed = _run(command, env=_variables(case.environment), cwd=BENCH)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{case.name}: longer than {TIMEOUT_SECONDS} s") from error
    result: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return result
