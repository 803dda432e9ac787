"""The settings of a monitor."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from vitalspan.argument_checks import check_seconds, check_whole, is_number
from vitalspan.bucket_boundaries import check_boundaries
from vitalspan.errors import ConfigurationError
from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.words import suggestion

_MOST: Final = 1_000_000
"""The greatest value of most integer settings."""

_COUNTS: Final = (
    ("max_series", 1, _MOST),
    ("recent_calls", 0, _MOST),
    ("slow_calls", 0, _MOST),
    ("alert_history", 0, _MOST),
    ("health_snapshots", 0, _MOST),
    ("native_histogram_buckets", 2, _MOST),
    ("store_max_bytes", 0, 2**50),
    ("report_keep", 1, _MOST),
    ("profiles_per_hour", 1, 3600),
)
"""The integer settings, with their minimum and maximum values."""

_TEXTS: Final = (
    *("component", "rules", "alertmanager", "webhook", "workers"),
    *("prices", "reports", "store", "store_tiers", "history", "trace_url"),
)
"""The settings that may be any string."""

_SHORTEST_TICK: Final = 0.1
_LONGEST_TICK: Final = 3600

_LONGEST_SPAN: Final = 86400

_SHORTEST_PROFILE: Final = 0.1
_LONGEST_PROFILE: Final = 120
"""With 100 samples per second, this is large enough."""

_SHORTEST_REPORT: Final = 60
_LONGEST_REPORT: Final = 31 * 86400
"""As long as the history can be."""

_LONGEST_AGE: Final = 3660 * 86400

_SECONDS: Final = (
    ("health_snapshot_interval", 0, _LONGEST_SPAN),
    ("publish_interval", _SHORTEST_TICK, _LONGEST_TICK),
    ("group_wait", 0, _LONGEST_SPAN),
    ("group_interval", 0, _LONGEST_SPAN),
    ("profile_seconds", _SHORTEST_PROFILE, _LONGEST_PROFILE),
    ("report_interval", _SHORTEST_REPORT, _LONGEST_REPORT),
    ("report_max_age", _SHORTEST_REPORT, _LONGEST_AGE),
)
"""The settings in seconds, with their minimum and maximum values."""

REPORT_FORMATS: Final = ("html", "md", "json", "txt")

METRICS_EXPORTERS: Final = ("", "otlp")

HEALTH_MODELS: Final = ("service", "classic", "pipeline", "slo", "off")

_TRACE_URL: Final = re.compile(r"https?://[^\s{}]+\{trace_id\}[^\s{}]*")

_METRIC_PREFIX: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)?", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """The settings of a monitor.

    Attributes:
        component: the component of operations that set none.
        metric_prefix: the prefix of all metric names, such as `shop_`.
        max_series: the maximum number of sets of operation labels with their own series.
        recent_calls: the number of finished calls to keep for reading.
        slow_calls: the number of calls over their `slow=` limit to keep for reading.
        system_metrics: whether `process_*`, `python_*` and `system_*` are collected.
        enabled: whether calls are recorded.
        qualified_names: whether the default names of functions are the module and the qualified
            name, `shop.cart.checkout`, rather than only the qualified name.
        buckets: the upper bounds in seconds, without `+Inf`, of the buckets for durations of
            operations that set none.
        buckets_from_slos: whether the `under` of every SLO is a boundary of every operation, so
            that the number of its good calls can be read from the histogram.
        native_histograms: whether durations are native histograms in formats that support them.
        classic_histograms: whether classic buckets are shown next to the native ones.
        native_histogram_buckets: the maximum number of buckets of a native histogram; if more would
            be needed, they become wider.
        created_series: whether the text formats have the creation time of each counter, histogram
            and summary in a `_created` sample. The protobuf format always does.
        rules: rule files, directories of them and patterns such as `rules/*.yml`, separated by
            commas, which are read again when they change.
        tick_interval: seconds between two evaluations of rules and health; 0 turns them off.
        alert_history: the number of past alerts to keep for reading.
        alertmanager: the URLs of Alertmanagers to send alerts to, separated by commas.
        webhook: the URL of a webhook to send alerts to.
        group_wait: seconds between the first alert of a group and the webhook's first message.
        group_interval: the minimum number of seconds between two messages of a group.
        metrics: `otlp` pushes the metrics of the registry to an OpenTelemetry receiver, which the
            `OTEL_*` variables configure; by default nothing is pushed.
        health_model: the factors of the health score, unless the rule file sets them: `service`,
            `classic`, `pipeline` or `slo`; `off` for no score.
        health_snapshots: the number of past scores to keep for the trend.
        health_snapshot_interval: seconds between two of them; 0 for one at every tick.
        prices: a YAML file with the prices of models, for calls that do not give their cost.
        gen_ai_metrics: whether model calls are also counted under the names of OpenTelemetry's
            generative AI conventions.
        workers: the shared directory in which the processes of one service publish their counts, so
            that each of them shows the sums; empty for a single process.
        publish_interval: seconds between two publications there.
        store: the URL of a store for the history, alerts, silences and error budgets, for example
            `sqlite:///history.db`; empty for none.
        store_tiers: pairs of the resolution at which the past is stored and how long it is kept,
            separated by commas.
        store_max_bytes: the size of the store above which old history is deleted sooner; 0 for no
            limit.
        history: the URL of a Prometheus, Thanos or Mimir that provides the history that is not in
            memory, for example `prometheus+http://prometheus:9090?job=shop`; empty for none.
        reports: the directory for reports at an interval; `store` keeps them in the store; empty
            for none.
        report_interval: the number of seconds that each report covers.
        report_formats: `html`, `md`, `json` and `txt`, separated by commas.
        report_keep: the number of reports to keep there.
        report_max_age: seconds after which a report is deleted.
        trace_url: the URL of a trace in your tracing system, with `{trace_id}` in the place of its
            id; the page links to it.
        profile_slow_calls: whether calls that exceed their `slow=` limit are profiled from then on,
            one at a time.
        profiles_per_hour: the maximum number of profiles per hour.
        profile_seconds: the maximum number of seconds of a profile.
        show_stacks: whether the page and its API also show stacks and profiles to clients that are
            not authenticated.
    """

    component: str = "default"
    metric_prefix: str = ""
    max_series: int = 2000
    recent_calls: int = 100
    slow_calls: int = 100
    system_metrics: bool = True
    enabled: bool = True
    qualified_names: bool = False
    buckets: tuple[float, ...] = DURATION_BOUNDARIES
    buckets_from_slos: bool = False
    native_histograms: bool = True
    classic_histograms: bool = True
    native_histogram_buckets: int = 160
    created_series: bool = False
    rules: str = ""
    tick_interval: float = 5.0
    alert_history: int = 500
    alertmanager: str = ""
    webhook: str = ""
    group_wait: float = 30.0
    group_interval: float = 300.0
    metrics: str = ""
    health_model: str = "service"
    health_snapshots: int = 10
    health_snapshot_interval: float = 60.0
    prices: str = ""
    gen_ai_metrics: bool = False
    workers: str = ""
    publish_interval: float = 1.0
    store: str = ""
    store_tiers: str = "5s:2h,1m:48h,1h:30d"
    store_max_bytes: int = 0
    history: str = ""
    reports: str = ""
    report_interval: float = 3600.0
    report_formats: str = "html"
    report_keep: int = 168
    report_max_age: float = 2_592_000.0
    trace_url: str = ""
    profile_slow_calls: bool = False
    profiles_per_hour: int = 20
    profile_seconds: float = 30.0
    show_stacks: bool = False

    def __post_init__(self) -> None:
        self._check_numbers()
        # Any sequence of numbers is accepted; equal settings have to compare equal.
        object.__setattr__(self, "buckets", check_boundaries(self.buckets))
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, bool) and not isinstance(value, bool):
                raise ConfigurationError(f"{field.name}={value!r:.80}: use True or False")
        for name in _TEXTS:
            if not isinstance(getattr(self, name), str):
                raise ConfigurationError(f"{name}={getattr(self, name)!r:.80}: use a string")
        self._check_reports()
        self._check_trace_url()
        if self.metrics not in METRICS_EXPORTERS:
            raise ConfigurationError(
                f"metrics={self.metrics!r:.80} is unknown: use metrics='otlp', or '' for none"
            )
        if self.health_model not in HEALTH_MODELS:
            raise ConfigurationError(
                f"health_model={self.health_model!r:.80}: use {', '.join(HEALTH_MODELS)}"
            )
        prefix = self.metric_prefix
        if not isinstance(prefix, str) or not _METRIC_PREFIX.fullmatch(prefix):
            raise ConfigurationError(
                f"metric_prefix={prefix!r:.80} cannot begin a metric name: use letters, digits and "
                "underscores, with no digit first"
            )

    def _check_numbers(self) -> None:
        for name, least, most in _COUNTS:
            check_whole(name, getattr(self, name), least, most)
        for name, shortest, longest in _SECONDS:
            check_seconds(name, getattr(self, name), shortest, longest)
        interval = self.tick_interval
        if interval != 0 or not is_number(interval):
            check_seconds(
                "tick_interval", interval, _SHORTEST_TICK, _LONGEST_TICK, ", or 0 for none"
            )

    def _check_trace_url(self) -> None:
        if self.trace_url and not _TRACE_URL.fullmatch(self.trace_url):
            raise ConfigurationError(
                f"trace_url={self.trace_url!r:.80}: use an address with {{trace_id}} in it, such "
                "as https://jaeger.example/trace/{trace_id}"
            )

    def _check_reports(self) -> None:
        formats = self.report_formats
        if not isinstance(formats, str) or not self.report_endings:
            raise ConfigurationError(
                f"report_formats={formats!r:.80}: use html, md, json, txt, with commas between them"
            )

    @property
    def rule_paths(self) -> tuple[str, ...]:
        """The rule files, directories and patterns in `rules`."""
        if os.path.exists(self.rules):  # noqa: PTH110 - a name may be no path at all
            return (self.rules,)
        return tuple(path.strip() for path in self.rules.split(",") if path.strip())

    @property
    def report_endings(self) -> tuple[str, ...]:
        """The formats in `report_formats`; empty if one of them is invalid."""
        formats = tuple(one.strip().lower() for one in self.report_formats.split(","))
        return formats if set(formats) <= set(REPORT_FORMATS) else ()

    @property
    def alerting(self) -> bool:
        """True if there are rules, receivers or a store."""
        return bool(self.rules or self.alertmanager or self.webhook or self.store)

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """Return a copy of these settings with some changed.

        Raises:
            ConfigurationError: for an unknown setting, or an invalid value.
        """
        names = sorted(field.name for field in fields(self))
        unknown = sorted(set(changes) - set(names))
        if unknown:
            problems = (
                f"there is no setting {name}: {suggestion(name, names)}" for name in unknown
            )
            raise ConfigurationError("; ".join(problems))
        return replace(self, **changes)
