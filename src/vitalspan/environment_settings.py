"""The environment variables for the settings of the default monitor."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final

from vitalspan.config import Settings
from vitalspan.errors import ConfigurationError
from vitalspan.words import did_you_mean, nearest

logger = logging.getLogger(__name__)

PREFIX: Final = "VITALSPAN_"

_OTHERS: Final = frozenset(
    {
        *("ADDR", "INSTRUMENT", "OPERATIONS", "PORT", "RUN", "TRACING"),
        *("JOB_OTLP", "JOB_PING", "JOB_PUSHGATEWAY", "JOB_TEXTFILE"),
        "HISTORY_TOKEN",
    }
)
"""The names of variables that are no settings of a monitor."""

_MULTIPROC_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with prometheus_client's directory for several processes."""


def from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the settings in `VITALSPAN_*` environment variables, by name.

    Spaces around a value are ignored.

    Raises:
        ConfigurationError: for an invalid value.
    """
    settings: dict[str, Any] = {}
    for field in fields(Settings):
        variable = PREFIX + field.name.upper()
        # An empty variable counts as not set, as in OpenTelemetry.
        text = environ.get(variable, "").strip()
        if text:
            value = _parse(variable, text, type(field.default))
            _check(variable, {field.name: value})
            settings[field.name] = value
    shared = environ.get(_MULTIPROC_DIR, "").strip()
    if shared and "workers" not in settings and sys.platform != "win32":
        # vitalspan's files are kept separate from those of prometheus_client.
        settings["workers"] = os.path.join(shared, "vitalspan")  # noqa: PTH118 - a setting is text
    return settings


def warn_of_misspelled(environ: Mapping[str, str] = os.environ) -> None:
    """Log the `VITALSPAN_*` variables that are unknown, but similar to a known one.

    Other unknown ones may belong to the program.
    """
    known = {field.name.upper() for field in fields(Settings)} | _OTHERS
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX)
        if name != variable and name not in known:
            similar = nearest(name, known)
            if similar is not None:
                logger.warning(
                    "there is no variable %s: %s", variable, did_you_mean(f"{PREFIX}{similar}")
                )


def _check(variable: str, setting: Mapping[str, Any]) -> None:
    try:
        Settings().changed(setting)
    except ConfigurationError as refused:
        raise ConfigurationError(f"{variable}: {refused}") from None


def _parse(variable: str, text: str, kind: type) -> object:
    parsers: dict[type, Callable[[str], object]] = {
        bool: _boolean,
        int: int,
        float: float,
        tuple: _numbers,
    }
    parse = parsers.get(kind, str)
    try:
        return parse(text)
    except ValueError:
        example = {
            bool: "true or false",
            int: "a whole number",
            tuple: "numbers with commas between them",
        }.get(kind, "a number")
        raise ConfigurationError(f"{variable}={text!r:.80}: use {example}") from None


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(","))


def _boolean(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    try:
        return words[text.lower()]
    except KeyError:
        raise ValueError(text) from None
