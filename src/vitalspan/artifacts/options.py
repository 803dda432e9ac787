"""Options of the export of rules."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final

from vitalspan.compiler.context import context_of
from vitalspan.config import Settings
from vitalspan.errors import ConfigurationError
from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.promql.context import DEFAULT_STEP, PromqlContext
from vitalspan.rules.model import RuleSet
from vitalspan.rules.short_windows import LONGEST_INTERVAL, USUAL_SCRAPE
from vitalspan.units import duration_text

_URL: Final = re.compile(r"(https?://[!-~]+)?", re.ASCII)
DATASOURCE: Final = "prometheus"
"""The uid of the data source in Grafana that dashboards select by default."""


@dataclass(frozen=True)
class Options:
    """Options of the export of rules.

    Attributes:
        per_instance: whether each instance has its own alerts.
        metric_prefix: the prefix of vitalspan's own metrics, as in the processes.
        runbook_url: the address of runbooks; `{alertname}` in it is replaced by the name of the
            alert, which is appended otherwise.
        interval: the evaluation interval in seconds of groups that have none of their own.
        scrape_interval: the scrape interval in seconds; None for 15, or for `interval` if that is
            shorter.
        buckets: the bucket boundaries of durations in seconds, as in the processes.

    Raises:
        ConfigurationError: for invalid values.
    """

    per_instance: bool = False
    metric_prefix: str = ""
    runbook_url: str = ""
    interval: float = DEFAULT_STEP
    scrape_interval: float | None = None
    buckets: tuple[float, ...] = DURATION_BOUNDARIES

    def __post_init__(self) -> None:
        Settings(metric_prefix=self.metric_prefix, buckets=self.buckets)
        if not _URL.fullmatch(self.runbook_url):
            raise ConfigurationError(
                f"runbook URL {self.runbook_url!r:.60}: use one such as "
                "https://wiki.example/runbooks"
            )
        for name, interval in (("interval", self.interval), ("scrape interval", self.scrape)):
            if not 1 <= interval <= LONGEST_INTERVAL:
                raise ConfigurationError(
                    f"{name} {duration_text(interval)}: use 1s to {duration_text(LONGEST_INTERVAL)}"
                )

    def context(self, rules: RuleSet) -> PromqlContext:
        """Return the context of all PromQL that is exported for a set of rules."""
        context = PromqlContext(
            self.metric_prefix, self.interval, self.per_instance, boundaries=self.buckets
        )
        return context_of(rules, context)

    @property
    def scrape(self) -> float:
        """The scrape interval in seconds."""
        usual = min(self.interval, USUAL_SCRAPE)
        return usual if self.scrape_interval is None else self.scrape_interval

    @property
    def arguments(self) -> str:
        """The arguments of `vitalspan rules export` that write the same files."""
        buckets = ",".join(f"{bound:.12g}" for bound in self.buckets)
        needed = {
            "FILE --to DIR": True,
            "--per-instance": self.per_instance,
            f"--metric-prefix {self.metric_prefix}": self.metric_prefix,
            f"--runbook-url {shlex.quote(self.runbook_url)}": self.runbook_url,
            f"--interval {duration_text(self.interval)}": self.interval != DEFAULT_STEP,
            f"--scrape-interval {duration_text(self.scrape)}": self.scrape_interval is not None,
            f"--buckets {buckets}": self.buckets != DURATION_BOUNDARIES,
        }
        return " ".join(argument for argument, is_needed in needed.items() if is_needed)
