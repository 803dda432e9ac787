"""The document of the current configuration, with a list of what may be shown."""

from __future__ import annotations

import platform
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from vitalspan._version import __version__
from vitalspan.config import Settings
from vitalspan.notify.delivery import ReceiverStatus

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

SHOWN: Final = frozenset(
    {
        *("component", "metric_prefix", "max_series", "recent_calls", "slow_calls"),
        *("system_metrics", "enabled", "qualified_names", "buckets", "buckets_from_slos"),
        *("native_histograms", "classic_histograms", "native_histogram_buckets"),
        *("created_series", "tick_interval", "alert_history", "group_wait", "group_interval"),
        *("metrics", "health_model", "health_snapshots", "health_snapshot_interval"),
        *("report_interval", "report_formats", "report_keep", "report_max_age"),
        *("publish_interval", "store_tiers", "store_max_bytes", "gen_ai_metrics", "trace_url"),
        *("profile_slow_calls", "profiles_per_hour", "profile_seconds", "show_stacks"),
    }
)
"""The settings whose values are shown. Of all others, such as URLs, which may contain passwords, it
is only shown whether they are set."""


@dataclass(frozen=True)
class SettingRow:
    """A setting.

    Attributes:
        name: the name of the setting.
        variable: the environment variable that sets it.
        value: as text; None where it is not shown.
        default: as text; None where it is not shown.
        is_default: whether it has its default value.
    """

    name: str
    variable: str
    value: str | None
    default: str | None
    is_default: bool


@dataclass(frozen=True)
class Configuration:
    """The current configuration.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        version: the version of vitalspan.
        python: the version of Python.
        settings: the settings in the order of the documentation.
        receivers: the receivers of alerts, with the results of their messages.
        rules: the number of current rules.
        slos: the number of current SLOs.
        reload_failed: whether a changed rule file could not be used.
    """

    at: float
    version: str
    python: str
    settings: tuple[SettingRow, ...]
    receivers: tuple[ReceiverStatus, ...]
    rules: int
    slos: int
    reload_failed: bool


def configuration(monitor: Monitor, _: dict[str, Any]) -> Configuration:
    """Return the current configuration, without possible secrets."""
    settings, usual = monitor.settings, Settings()
    in_force = monitor.rules.in_force
    return Configuration(
        at=monitor.clock.wall(),
        version=__version__,
        python=platform.python_version(),
        settings=tuple(
            SettingRow(
                name=name,
                variable=f"VITALSPAN_{name.upper()}",
                value=_text(getattr(settings, name)) if name in SHOWN else None,
                default=_text(getattr(usual, name)) if name in SHOWN else None,
                is_default=getattr(settings, name) == getattr(usual, name),
            )
            for name in (field.name for field in fields(Settings))
        ),
        receivers=tuple(monitor.receivers.snapshot()),
        rules=sum(len(group.rules) + len(group.expressions) for group in in_force.groups),
        slos=len(in_force.slos),
        reload_failed=monitor.rules.reload_failed,
    )


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
