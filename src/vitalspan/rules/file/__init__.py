"""Internal: reads rules from a YAML file, or from the same fields in Python."""

from vitalspan.configfile.report import ConfigFileError
from vitalspan.rules.file.load import (
    build,
    build_component,
    build_health,
    build_query,
    build_rule,
    build_slo,
    load,
    load_preset,
    parse,
)

__all__ = [
    "ConfigFileError",
    "build",
    "build_component",
    "build_health",
    "build_query",
    "build_rule",
    "build_slo",
    "load",
    "load_preset",
    "parse",
]
