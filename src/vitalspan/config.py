"""Settings, and the environment variables that set them for the default monitor."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from vitalspan.errors import ConfigurationError

PREFIX: Final = "VITALSPAN_"

_MOST: Final = 1_000_000
"""The most that a monitor can be told to keep of anything."""

_COUNTS: Final = (
    ("max_series", 1),
    ("recent_calls", 0),
    ("slow_calls", 0),
    ("alert_history", 0),
    ("health_snapshots", 0),
)
"""Settings that are whole numbers, and their least values."""

_SHORTEST_TICK: Final = 0.1
_LONGEST_TICK: Final = 3600

_LONGEST_SPAN: Final = 86400

HEALTH_MODELS: Final = ("classic", "pipeline", "slo", "off")

_METRIC_PREFIX: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)?", re.ASCII)


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
        rules: the path of a rule file, read again whenever it changes.
        tick_interval: seconds between two evaluations of the rules; 0 for none by itself.
        alert_history: past alerts that are kept for reading.
        alertmanager: addresses of Alertmanagers that are told about alerts, separated by commas.
        webhook: the address of a webhook that is told about alerts.
        health_model: what the health score is made of, unless the rule file says: `classic`,
            `pipeline` or `slo`; `off` for no score.
        health_snapshots: past scores that are kept, for the trend.
        health_snapshot_interval: seconds between two of them.
    """

    component: str = "default"
    metric_prefix: str = ""
    max_series: int = 2000
    recent_calls: int = 100
    slow_calls: int = 100
    system_metrics: bool = True
    enabled: bool = True
    rules: str = ""
    tick_interval: float = 5.0
    alert_history: int = 500
    alertmanager: str = ""
    webhook: str = ""
    health_model: str = "classic"
    health_snapshots: int = 10
    health_snapshot_interval: float = 60.0

    def __post_init__(self) -> None:
        for name, least in _COUNTS:
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= _MOST:
                raise ConfigurationError(
                    f"{name}={value!r:.80}: use a whole number from {least} to {_MOST}"
                )
        for name in ("system_metrics", "enabled"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ConfigurationError(f"{name}={value!r}: use True or False")
        for name in ("component", "rules", "alertmanager", "webhook"):
            if not isinstance(getattr(self, name), str):
                raise ConfigurationError(f"{name}={getattr(self, name)!r:.80}: use a string")
        self._check_seconds()
        if self.health_model not in HEALTH_MODELS:
            raise ConfigurationError(
                f"health_model={self.health_model!r:.80}: use {', '.join(HEALTH_MODELS)}"
            )
        prefix = self.metric_prefix
        if not isinstance(prefix, str) or not _METRIC_PREFIX.fullmatch(prefix):
            raise ConfigurationError(
                f"metric_prefix={prefix!r} cannot begin a metric name: use letters, digits and "
                "underscores, with no digit first"
            )

    def _check_seconds(self) -> None:
        interval = self.tick_interval
        if not _is_number(interval) or not (
            interval == 0 or _SHORTEST_TICK <= interval <= _LONGEST_TICK
        ):
            raise ConfigurationError(
                f"tick_interval={interval!r:.80}: use seconds from {_SHORTEST_TICK} to "
                f"{_LONGEST_TICK}, or 0 for none"
            )
        apart = self.health_snapshot_interval
        if not _is_number(apart) or not 0 <= apart <= _LONGEST_SPAN:
            raise ConfigurationError(
                f"health_snapshot_interval={apart!r:.80}: use seconds from 0, every tick, to "
                f"{_LONGEST_SPAN}"
            )

    @property
    def alerting(self) -> bool:
        """Whether rules or receivers are set."""
        return bool(self.rules or self.alertmanager or self.webhook)

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """Return these settings with some changed.

        Raises:
            ConfigurationError: for a setting that there is not, or a value that cannot be.
        """
        known = [field.name for field in fields(self)]
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise ConfigurationError(
                f"unknown setting: {', '.join(unknown)}. There are {', '.join(sorted(known))}"
            )
        return replace(self, **changes)


def from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the settings that `VITALSPAN_*` variables make, by name.

    Spaces around a value are left out.

    Raises:
        ConfigurationError: for a value that is not of the setting's kind.
    """
    found: dict[str, Any] = {}
    for field in fields(Settings):
        variable = PREFIX + field.name.upper()
        # An empty variable is one that is not set, as for OpenTelemetry's.
        text = environ.get(variable, "").strip()
        if text:
            value = _parsed(variable, text, type(field.default))
            _check(variable, {field.name: value})
            found[field.name] = value
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check(variable: str, setting: Mapping[str, Any]) -> None:
    try:
        Settings().changed(setting)
    except ConfigurationError as refused:
        raise ConfigurationError(f"{variable}: {refused}") from None


def _parsed(variable: str, text: str, kind: type) -> object:
    parsers: dict[type, Callable[[str], object]] = {bool: _boolean, int: int, float: float}
    parse = parsers.get(kind, str)
    try:
        return parse(text)
    except ValueError:
        wanted = {bool: "true or false", int: "a whole number"}.get(kind, "a number")
        raise ConfigurationError(f"{variable}={text!r:.80}: use {wanted}") from None


def _boolean(text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True}
    known |= {"0": False, "false": False, "no": False, "off": False}
    try:
        return known[text.lower()]
    except KeyError:
        raise ValueError(text) from None
