"""What can be chosen of the files that are written."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.rules.promql import DEFAULT_STEP
from vitalspan.signals.units import duration_text

_PREFIX: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)?", re.ASCII)
_URL: Final = re.compile(r"(https?://[!-~]+)?", re.ASCII)
_LONGEST_INTERVAL: Final = 300.0
"""Seconds after which Prometheus takes a series without samples for ended."""


def check_prefix(prefix: str) -> None:
    """Refuse what cannot be put before the names of metrics.

    Raises:
        ConfigurationError: for such a prefix.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            f"metric prefix {prefix!r:.60} cannot begin a metric name: use "
            "letters, digits and underscores, with no digit first"
        )


@dataclass(frozen=True)
class Options:
    """How rules are exported.

    Attributes:
        per_instance: whether each instance has alerts of its own.
        metric_prefix: before the names of vitalspan's own metrics, as the processes have it.
        runbook_url: where runbooks are; `{alertname}` stands for the alert's name, which otherwise
            follows.
        interval: seconds between two evaluations of groups that name no interval.

    Raises:
        ConfigurationError: for values that cannot be.
    """

    per_instance: bool = False
    metric_prefix: str = ""
    runbook_url: str = ""
    interval: float = DEFAULT_STEP

    def __post_init__(self) -> None:
        check_prefix(self.metric_prefix)
        if not _URL.fullmatch(self.runbook_url):
            raise ConfigurationError(
                f"runbook URL {self.runbook_url!r:.60}: use one such as "
                "https://wiki.example/runbooks"
            )
        if not 1 <= self.interval <= _LONGEST_INTERVAL:
            raise ConfigurationError(
                f"interval {duration_text(self.interval)}: use 1s to "
                f"{duration_text(_LONGEST_INTERVAL)}"
            )

    @property
    def arguments(self) -> str:
        """What follows `vitalspan rules export` to write the same files again."""
        words = ["FILE --to DIR"]
        if self.per_instance:
            words.append("--per-instance")
        if self.metric_prefix:
            words.append(f"--metric-prefix {self.metric_prefix}")
        if self.runbook_url:
            words.append(f"--runbook-url {shlex.quote(self.runbook_url)}")
        if self.interval != DEFAULT_STEP:
            words.append(f"--interval {duration_text(self.interval)}")
        return " ".join(words)
