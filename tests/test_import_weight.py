"""What an import brings with it: time is spent on modules, and modules can be counted."""

from __future__ import annotations

from support.subprograms import run_program

HEAVY = {
    *("asyncio", "csv", "difflib", "email", "http", "importlib.metadata", "json", "logging"),
    *("multiprocessing", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "urllib", "zipfile"),
    *("opentelemetry", "opentelemetry.sdk", "prometheus_client", "psutil", "tenacity", "yaml"),
}
"""Modules that take long to import, or bring many others with them."""


def test_importing_the_package_imports_nothing_else() -> None:
    printed = run_program(
        """
before = set(sys.modules)
import vitalspan
print(*sorted(set(sys.modules) - before))
""",
        prelude="import sys",
        measured=False,
    )
    added = set(printed.split())
    ours = {name for name in added if name.startswith("vitalspan")}
    assert ours == {"vitalspan", "vitalspan._version"}
    assert not HEAVY & added


def test_an_operation_imports_only_what_records_and_exposes() -> None:
    printed = run_program(
        """
import opentelemetry.trace, prometheus_client
before = set(sys.modules)
from vitalspan import operation
print(*sorted(set(sys.modules) - before))
""",
        prelude="import sys",
        measured=False,
    )
    added = set(printed.split())
    parts = {name.split(".")[1] for name in added if name.startswith("vitalspan.")}
    assert parts == {
        *("_version", "argument_checks", "bridge", "bucket_boundaries", "capabilities", "clock"),
        "config",
        *(
            "default",
            "environment_settings",
            "errors",
            "exposition",
            "labels",
            "living_monitors",
            "metrics",
        ),
        *("monitor", "recording", "runtime", "words", "workers"),
    }
    assert not HEAVY & added
