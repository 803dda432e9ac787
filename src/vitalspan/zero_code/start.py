"""The start of instrumentation in a process, before its program runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from vitalspan.zero_code import libraries
from vitalspan.zero_code.import_hook import install
from vitalspan.zero_code.patterns import parse_patterns
from vitalspan.zero_code.restarts import carry_on

_started: list[Wanted] = []


@dataclass(frozen=True)
class Wanted:
    """The functions and libraries to instrument.

    Attributes:
        operations: patterns of functions, as in `VITALSPAN_OPERATIONS`.
        instrument: names of libraries, as in `VITALSPAN_INSTRUMENT`.
        tracing: `otlp` for a tracer provider that exports by OTLP; empty for none.

    Raises:
        ConfigurationError: for what cannot be.
    """

    operations: str = ""
    instrument: str = "all"
    tracing: str = ""

    def __post_init__(self) -> None:
        parse_patterns(self.operations)
        libraries.parse_libraries(self.instrument)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Wanted:
        """Return what the variables say.

        Raises:
            ConfigurationError: for what cannot be.
        """
        return cls(
            environ.get("VITALSPAN_OPERATIONS", "").strip(),
            environ.get("VITALSPAN_INSTRUMENT", "").strip() or "all",
            environ.get("VITALSPAN_TRACING", "").strip(),
        )

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))


def start(wanted: str) -> None:
    """Instrument this process, and those that carry on its program.

    Args:
        wanted: the JSON text of a `Wanted`.
    """
    apply(Wanted(**json.loads(wanted)))
    carry_on(install(), wanted)


def apply(wanted: Wanted) -> None:
    """Instrument this process. A second time changes nothing."""
    if _started:
        return
    _started.append(wanted)
    hook = install()
    libraries.instrument(hook, libraries.parse_libraries(wanted.instrument))
    patterns = parse_patterns(wanted.operations)
    if patterns:
        # What records is imported with the first module that is decorated.
        from vitalspan.zero_code.decorating import decorate_module  # noqa: PLC0415

        hook.add(
            lambda name: any(pattern.matches_module(name) for pattern in patterns),
            lambda module: (decorate_module(module, patterns), None)[1],
        )
    if wanted.tracing:
        from vitalspan.bridge import tracer_provider  # noqa: PLC0415 - few want it

        tracer_provider.set_up(wanted.tracing)
