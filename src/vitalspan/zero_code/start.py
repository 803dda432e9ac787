"""The start of instrumentation in a process, before its program runs."""

from __future__ import annotations

import json

from vitalspan.zero_code import libraries
from vitalspan.zero_code.child_processes import carry_on
from vitalspan.zero_code.import_hook import install
from vitalspan.zero_code.instrumentation import Instrumentation
from vitalspan.zero_code.patterns import parse_patterns

_started: list[Instrumentation] = []


def start(instrumentation: str) -> None:
    """Instrument this process, and those that carry on its program.

    Args:
        instrumentation: the JSON text of an `Instrumentation`.
    """
    found = Instrumentation(**json.loads(instrumentation))
    apply(found)
    carry_on(install(), instrumentation)
    if found.port:
        # Programs that serve nothing should not import the server.
        from vitalspan.zero_code.serving import serve  # noqa: PLC0415

        serve(found.port, found.addr, found.workers, found.owner)


def apply(instrumentation: Instrumentation) -> None:
    """Instrument this process. Calling it again changes nothing."""
    if _started:
        return
    _started.append(instrumentation)
    hook = install()
    libraries.instrument(hook, libraries.parse_libraries(instrumentation.instrument))
    patterns = parse_patterns(instrumentation.operations)
    if patterns:
        # The recorder is only imported with the first module that is decorated.
        from vitalspan.zero_code.decorated_modules import decorate_module  # noqa: PLC0415

        hook.add(
            lambda name: any(pattern.matches_module(name) for pattern in patterns),
            lambda module: (decorate_module(module, patterns), None)[1],
        )
    if instrumentation.tracing:
        from vitalspan.bridge import tracer_provider  # noqa: PLC0415 - few want it

        tracer_provider.set_up(instrumentation.tracing)
