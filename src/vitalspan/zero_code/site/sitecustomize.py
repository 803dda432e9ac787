"""The module that Python imports at its start while this directory is first on its path."""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - with little to import


def _without_this_directory() -> None:
    """Restore the path, and the environment for the processes that this one starts."""
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _HERE]  # noqa: PTH100
    rest = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path != _HERE]
    if any(rest):
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    else:
        os.environ.pop("PYTHONPATH", None)


def _import_the_next_one() -> None:
    """Import the `sitecustomize` that this one shadows, if there is one."""
    this = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401, PLC0415
    except ImportError as missing:
        if missing.name != "sitecustomize":
            raise
        if this is not None:
            sys.modules["sitecustomize"] = this


_without_this_directory()
_instrumentation = os.environ.pop("VITALSPAN_RUN", "")
if _instrumentation:
    try:
        from vitalspan.zero_code.start import start

        start(_instrumentation)
    except Exception as _problem:  # noqa: BLE001 - the program has to run
        print(f"vitalspan run: nothing is instrumented: {_problem}", file=sys.stderr)  # noqa: T201
_import_the_next_one()
