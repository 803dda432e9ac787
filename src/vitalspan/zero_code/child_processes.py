"""Processes that continue a program: spawned workers, and programs that restart themselves."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from vitalspan.zero_code.environment import environment_of
from vitalspan.zero_code.import_hook import ImportHook

_CARRIED_ON: Final = ("multiprocessing.spawn", "multiprocessing.forkserver", "billiard.spawn")
"""The modules that are imported by the worker processes that multiprocessing spawns."""


def carry_on(hook: ImportHook, instrumentation: str) -> None:
    """Also instrument the processes that continue this program, and no others.

    Args:
        hook: notifies of the import of multiprocessing.
        instrumentation: what is instrumented, as `start` takes it.
    """
    for name in ("multiprocessing.util", "billiard.compat"):
        hook.add(name.__eq__, functools.partial(_carry_on_workers, instrumentation))
    _carry_on_restarts(instrumentation)


def _carry_on_workers(instrumentation: str, module: ModuleType) -> None:
    spawn: Any = getattr(module, "spawnv_passfds", None)
    if spawn is None:
        return

    @functools.wraps(spawn)
    def spawnv_passfds(path: Any, args: Sequence[Any], passfds: Any) -> Any:
        return spawn(path, [_worker_program(each, instrumentation) for each in args], passfds)

    module.spawnv_passfds = spawnv_passfds  # type: ignore[attr-defined]


def _worker_program(argument: Any, instrumentation: str) -> Any:
    text = argument.decode("utf-8", "surrogateescape") if isinstance(argument, bytes) else argument
    if not isinstance(text, str) or not text.startswith("from "):
        return argument
    if not any(f"from {module} import" in text for module in _CARRIED_ON):
        return argument
    first = "import vitalspan.zero_code.start as vitalspan_start; "
    program = f"{first}vitalspan_start.start({instrumentation!r}); {text}"
    return program.encode("utf-8", "surrogateescape") if isinstance(argument, bytes) else program


def _carry_on_restarts(instrumentation: str) -> None:
    """Instrument a program again if it restarts itself, as reloaders do."""
    start: Any = subprocess.Popen.__init__

    @functools.wraps(start)
    def __init__(self: Any, args: Any, *rest: Any, **options: Any) -> None:  # noqa: N807
        # A caller with more positional arguments is not a reloader.
        if not rest and is_restart(args):
            options["env"] = environment_of(instrumentation, options.get("env") or os.environ)
        start(self, args, *rest, **options)

    subprocess.Popen.__init__ = __init__  # type: ignore[method-assign]
    execve: Any = os.execve
    execv: Any = os.execv

    @functools.wraps(execve)
    def execute_in(path: Any, argv: Any, env: Mapping[str, str]) -> Any:
        return execve(path, argv, environment_of(instrumentation, env) if is_restart(argv) else env)

    @functools.wraps(execv)
    def execute(path: Any, argv: Any) -> Any:
        if is_restart(argv):
            return execve(path, argv, environment_of(instrumentation, os.environ))
        return execv(path, argv)

    replaced: Any = os
    replaced.execve, replaced.execv = execute_in, execute


def is_restart(args: Any) -> bool:
    """Return whether a command line restarts this program with the same arguments."""
    if not isinstance(args, (list, tuple)) or not all(isinstance(each, str) for each in args):
        return False
    words, own = list(args), sys.argv[1:]
    if len(words) <= len(own) or (own and words[-len(own) :] != own):
        return False
    program = words[: len(words) - len(own)]
    scripts = {sys.argv[0], os.path.abspath(sys.argv[0])}  # noqa: PTH100 - argv[0] may be empty
    as_script = program[-1] in scripts
    as_module = "-m" in program and _main_module() in (program[-1], f"{program[-1]}.__main__")
    return as_script or (as_module and program[0] == sys.executable)


def _main_module() -> str:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return getattr(spec, "name", None) or ""
