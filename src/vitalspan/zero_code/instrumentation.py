"""The functions and libraries to instrument, in a form to pass to a program's processes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.zero_code import libraries
from vitalspan.zero_code.patterns import parse_patterns

_PORTS: Final = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})?")


@dataclass(frozen=True)
class Instrumentation:
    """The functions and libraries to instrument.

    Attributes:
        operations: patterns of functions, as in `VITALSPAN_OPERATIONS`.
        instrument: the names of libraries, as in `VITALSPAN_INSTRUMENT`.
        tracing: `otlp` for a tracer provider that exports by OTLP; empty for none.
        port: the port of `/metrics`, or a range such as `9464-9473`; empty for none.
        addr: the address of that port.
        workers: the directory in which the processes of the program share their metrics; if empty,
            the environment variables decide.
        owner: the id of the process that removes the directory at exit; 0 keeps it.

    Raises:
        ConfigurationError: for invalid values.
    """

    operations: str = ""
    instrument: str = "all"
    tracing: str = ""
    port: str = ""
    addr: str = "127.0.0.1"
    workers: str = ""
    owner: int = 0

    def __post_init__(self) -> None:
        parse_patterns(self.operations)
        libraries.parse_libraries(self.instrument)
        if self.port and not _PORTS.fullmatch(self.port):
            raise ConfigurationError(
                f"VITALSPAN_PORT: {self.port!r:.80}: give a port, or several as in 9464-9473"
            )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Instrumentation:
        """Return the instrumentation that the environment variables describe.

        Raises:
            ConfigurationError: for invalid values.
        """
        return cls(
            environ.get("VITALSPAN_OPERATIONS", "").strip(),
            environ.get("VITALSPAN_INSTRUMENT", "").strip() or "all",
            environ.get("VITALSPAN_TRACING", "").strip(),
            environ.get("VITALSPAN_PORT", "").strip(),
            environ.get("VITALSPAN_ADDR", "").strip() or "127.0.0.1",
        )

    def to_json(self) -> str:
        """Return the instrumentation as JSON text."""
        return json.dumps(asdict(self))
