"""The monitor: its settings, its metrics in a registry, and its threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry

from vitalspan import living_monitors
from vitalspan.bridge.otlp.metrics_push import MetricsPush
from vitalspan.capabilities import Capabilities
from vitalspan.clock import Clock, SystemClock
from vitalspan.config import Settings
from vitalspan.errors import ConfigurationError
from vitalspan.exposition.formats import Format
from vitalspan.exposition.model_usage import ModelUsage
from vitalspan.exposition.monitor_families import MonitorFamilies
from vitalspan.exposition.registration import Registration
from vitalspan.exposition.registry_locks import RegistryLocks
from vitalspan.labels import value_text
from vitalspan.runtime import fork, free_threading

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from vitalspan.exposition.families import MetricFamily


class Monitor(Capabilities):
    """Records operations and shows them in a prometheus_client registry.

        monitor = vs.Monitor(registry=CollectorRegistry(), component="shop")

        @monitor.operation
        def checkout(order): ...

    Args:
        registry: the registry of the metrics; None is prometheus_client's default registry.
        tracer_provider: makes the spans; None uses the global provider, even if that is configured
            later.
        clock: provides durations and dates; tests pass a `ManualClock`.
        **settings: see `vitalspan.config.Settings`.

    Raises:
        ConfigurationError: for an invalid setting, or if the registry already has metrics with
            these names.

    Attributes:
        registry: the registry of the metrics.
        clock: provides durations and dates.
        closed: whether the monitor has been closed.
    """

    def __init__(
        self,
        *,
        registry: CollectorRegistry | None = None,
        tracer_provider: TracerProvider | None = None,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        free_threading.notice_once()
        super().__init__(
            Settings().changed(settings),
            clock or SystemClock(),
            tracer_provider,
            REGISTRY if registry is None else registry,
        )
        self.closed = False
        self._families = MonitorFamilies(self._counts, self._settings, self._more_families)
        self._families.shared = None if self._workers is None else self._workers.registry
        self._model_usage = ModelUsage(self.registry, self._settings)
        self._counters.usage = self._model_usage
        self._push = MetricsPush(self.registry, self.clock, self._families)
        self._registration = Registration(self.registry, self._families, self._recorder.now)
        self._not_ready: str | None = None
        self._load_prices("", self._settings.prices)
        if self._settings.alerting:
            # A rule file with mistakes must not leave anything in the registry.
            self.evaluation.configure(self._settings)
        exporter = self._push.prepare(None, self._settings)
        try:
            self._registration.enter(self._settings)
        except ConfigurationError:
            if self.evaluation_if_made is not None:
                self.evaluation.close()
            raise
        self._push.use(exporter)
        if self._settings.reports:
            self.reports.configure(self._settings)
        if self._settings.profile_slow_calls:
            self.profiles.configure(self._settings)
        self._registry_locks = RegistryLocks(self.registry)
        fork.reset_in_child(self._registry_locks, first=True)
        self._reset_in_children()
        if self._workers is None:
            # Without this, the child would leave out the parent's counts when it publishes.
            fork.reset_in_child(self._model_usage)
        living_monitors.add(self)

    def forget(
        self,
        operation: str,
        *,
        component: str | None = None,
        labels: Mapping[str, object] | None = None,
    ) -> int:
        """Remove series of an operation, such as those of a customer who has left.

        They disappear from the metrics with all their counts. If they are used again, they start at
        zero.

        Args:
            operation: the name of the operation.
            component: its component; None removes the operation from all components.
            labels: labels that the series have, among others; None removes all series.

        Returns:
            The number of removed series.
        """
        forgotten = self._call_sites.forget(operation, component, labels)
        if self.evaluation_if_made is not None:
            self.evaluation.history.forget(forgotten)
        return len(forgotten)

    def generate_latest(self, format: Format = Format.TEXT_0_0_4) -> bytes:  # noqa: A002 - the word
        """Return the metrics of this monitor's registry in an exposition format."""
        with fork.imports_finish_first:
            # Imported here, because programs with a server or another writer never need it.
            from vitalspan.exposition.generate import generate_latest  # noqa: PLC0415

        return generate_latest(self.registry, format=format)

    def configure(self, **settings: Any) -> None:
        """Change settings. A new `component` only applies to later definitions.

        Raises:
            ConfigurationError: for an invalid setting; nothing is changed then.
        """
        wanted = self._settings.changed(settings)
        if wanted.workers != self._settings.workers:
            raise ConfigurationError(
                f"workers={wanted.workers!r:.80}: the monitor exists already; set "
                "VITALSPAN_WORKERS, "
                "or call configure() before the first operation is defined"
            )
        server_history = self._history_of_server(wanted)
        self._load_prices(self._settings.prices, wanted.prices)
        exporter = self._push.prepare(self._settings, wanted)
        if self.evaluation_if_made is not None or wanted.alerting:
            self.evaluation.configure(wanted)
        self._registration.change(self._settings, wanted)
        self._settings, self._server_history = wanted, server_history
        self._model_usage.configure(wanted)
        self._push.use(exporter)
        if wanted.reports or Monitor.reports.if_made(self) is not None:
            self.reports.configure(wanted)
        if wanted.profile_slow_calls or Monitor.profiles.if_made(self) is not None:
            self.profiles.configure(wanted)
        if self._workers is not None:
            self._workers.set_interval(wanted.publish_interval)
        self._configure_instruments()

    @property
    def settings(self) -> Settings:
        """The current settings; `configure` changes them."""
        return self._settings

    def tick(self, now: float | None = None) -> None:
        """Evaluate once: count ended calls, evaluate rules and health, notify the receivers.

        `start` does this every few seconds.

        Args:
            now: seconds on the monitor's steady clock; None reads it.
        """
        self.evaluation.tick(now)

    def start(self) -> None:
        """Start a daemon thread that ticks every `tick_interval` seconds, unless there is one.

        With `metrics="otlp"`, also start the thread that pushes metrics.
        """
        if self._workers is not None:
            self._workers.start()
        self.evaluation.ticker.start()
        self._push.start()

    def stop(self) -> None:
        """Stop the thread that ticks."""
        if self.evaluation_if_made is not None:
            self.evaluation.ticker.stop()

    def set_ready(self, ready: bool, reason: str = "") -> None:  # noqa: FBT001 - the one thing it sets
        """Set whether the service can take requests, which is the response of `/-/ready`.

        By default it can.

        Args:
            ready: whether it can take requests.
            reason: why it cannot.
        """
        self._not_ready = None if ready else value_text(reason) or "no reason was given"

    @property
    def not_ready(self) -> str | None:
        """The reason why the service cannot take requests; None if it can."""
        return self._not_ready

    def close(self) -> None:
        """Remove this monitor from its registry and end its threads. Calls are still recorded.

        With `metrics="otlp"`, metrics are pushed one last time.
        """
        self.closed = True
        self._push.use(None)
        if self._workers is not None:
            self._workers.close()
        if self.evaluation_if_made is not None:
            self.evaluation.close()
        profiles = Monitor.profiles.if_made(self)
        if profiles is not None:
            profiles.close()
        self._registration.leave()
        self._model_usage.leave()

    def reset(self) -> None:
        """Start over from zero, as a forked child does by itself."""
        super().reset()
        self._model_usage.reset()
        sessions = Monitor.sessions.if_made(self)
        if sessions is not None:
            sessions.reset()
        profiles = Monitor.profiles.if_made(self)
        if profiles is not None:
            profiles.reset()
        if self.evaluation_if_made is not None:
            self.evaluation.reset()

    def _more_families(self) -> Iterator[MetricFamily]:
        if self.evaluation_if_made is not None:
            yield from self.evaluation.families()
        reports = Monitor.reports.if_made(self)
        if reports is not None:
            yield from reports.families()
        yield from self._push.families()

    def _load_prices(self, before: str, path: str) -> None:
        if path != before:
            with fork.imports_finish_first:
                from vitalspan.price_file import load_prices  # noqa: PLC0415 - few have such a file

            load_prices(self.prices, path)
