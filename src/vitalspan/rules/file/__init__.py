"""The rule file: what is written in YAML, or the same in Python, becomes rules."""

from vitalspan.rules.file.mistakes import RuleFileError
from vitalspan.rules.file.sources import (
    build,
    build_component,
    build_health,
    build_query,
    build_rule,
    build_slo,
    load,
    parse,
)

__all__ = [
    "RuleFileError",
    "build",
    "build_component",
    "build_health",
    "build_query",
    "build_rule",
    "build_slo",
    "load",
    "parse",
]
