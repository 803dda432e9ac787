"""Settings, and the environment variables that set them for the default monitor."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from vitalspan.errors import ConfigurationError

PREFIX: Final = "VITALSPAN_"

_METRIC_PREFIX: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """What can be set of a monitor.

    Attributes:
        component: the component of operations that name none.
        metric_prefix: put before the name of every metric, `shop_` for example.
        max_series: distinct sets of operation labels that get series of their own.
        recent_calls: finished calls that are kept for reading.
        slow_calls: calls over their `slow=` limit that are kept for reading.
        system_metrics: whether `process_*`, `python_*` and `system_*` are collected.
        enabled: whether calls are recorded.
    """

    component: str = "default"
    metric_prefix: str = ""
    max_series: int = 2000
    recent_calls: int = 100
    slow_calls: int = 100
    system_metrics: bool = True
    enabled: bool = True

    def __post_init__(self) -> None:
        for name, least in (("max_series", 1), ("recent_calls", 0), ("slow_calls", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ConfigurationError(f"{name}={value!r}: use a whole number from {least} up")
        for name in ("system_metrics", "enabled"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ConfigurationError(f"{name}={value!r}: use True or False")
        if not isinstance(self.component, str):
            raise ConfigurationError(f"component={self.component!r}: use a string")
        prefix = self.metric_prefix
        if not isinstance(prefix, str) or not _METRIC_PREFIX.fullmatch(prefix):
            raise ConfigurationError(
                f"metric_prefix={prefix!r} cannot begin a metric name: use letters, digits and "
                "underscores, with no digit first"
            )


def from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the settings that `VITALSPAN_*` variables make, by name.

    Raises:
        ConfigurationError: for a value that is not of the setting's kind.
    """
    found: dict[str, Any] = {}
    for field in fields(Settings):
        variable = PREFIX + field.name.upper()
        text = environ.get(variable)
        if text is not None:
            found[field.name] = _parsed(variable, text, type(field.default))
    return found


def _parsed(variable: str, text: str, kind: type) -> object:
    parsers: dict[type, Callable[[str], object]] = {bool: _boolean, int: int}
    parse = parsers.get(kind, str)
    try:
        return parse(text.strip())
    except ValueError:
        wanted = "true or false" if kind is bool else "a whole number"
        raise ConfigurationError(f"{variable}={text!r}: use {wanted}") from None


def _boolean(text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True}
    known |= {"0": False, "false": False, "no": False, "off": False}
    try:
        return known[text.lower()]
    except KeyError:
        raise ValueError(text) from None
