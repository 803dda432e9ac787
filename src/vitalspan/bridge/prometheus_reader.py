"""A metric reader that shows instruments of OpenTelemetry's SDK in a Prometheus registry."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from opentelemetry.sdk.metrics.export import MetricReader, MetricsData
from prometheus_client import REGISTRY, CollectorRegistry

from vitalspan.argument_checks import seconds_above_0
from vitalspan.bridge.otel_families import TARGET_INFO, OtelFamilies
from vitalspan.bridge.otel_names import TranslationStrategy
from vitalspan.errors import ConfigurationError
from vitalspan.exposition.collector import FamilyCollector
from vitalspan.exposition.families import MetricFamily
from vitalspan.runtime import fork
from vitalspan.runtime.internal_errors import logger

_WHAT: Final = "PrometheusMetricReader"
_FOR_EVER: Final = 86_400_000.0
"""The timeout of the SDK in milliseconds; the reader itself stops waiting earlier."""


class PrometheusMetricReader(MetricReader):
    """Shows the instruments of a `MeterProvider` in a prometheus_client registry.

    Names, units, labels and types are translated according to OpenTelemetry's Prometheus
    compatibility document. Metrics that cannot be translated are left out and logged once; they
    never fail a scrape.

    Args:
        registry: the registry of the metrics; None is prometheus_client's default registry.
        translation_strategy: `UnderscoreEscapingWithSuffixes`,
            `UnderscoreEscapingWithoutSuffixes`, `NoUTF8EscapingWithSuffixes` or `NoTranslation`.
        scope_info_enabled: whether points have `otel_scope_*` labels.
        target_info_enabled: whether `target_info` has the attributes of the resource.
        resource_constant_labels: the attributes of the resource that become labels of every point:
            a collection of keys, or a function that takes a key and returns whether it is one.
        default_aggregation: aggregations by the SDK's instrument classes, for instruments without a
            view.
        timeout: seconds that asynchronous instruments may take; if they take longer, the metrics of
            this reader are left out of the scrape.

    Raises:
        ConfigurationError: for an invalid argument.
    """

    def __init__(
        self,
        *,
        registry: CollectorRegistry | None = None,
        translation_strategy: str = "UnderscoreEscapingWithSuffixes",
        scope_info_enabled: bool = True,
        target_info_enabled: bool = True,
        resource_constant_labels: Collection[str] | Callable[[str], bool] = (),
        default_aggregation: Mapping[type, Any] | None = None,
        timeout: float = 5.0,
    ) -> None:
        families = OtelFamilies(
            _strategy(translation_strategy),
            scope_info=scope_info_enabled,
            constant_labels=_constant_labels(resource_constant_labels),
        )
        timeout = seconds_above_0(f"{_WHAT}: timeout", timeout)
        # All kinds of instruments are cumulative, which is the SDK's default.
        super().__init__(
            preferred_aggregation=None if default_aggregation is None else dict(default_aggregation)
        )
        self._registry = REGISTRY if registry is None else registry
        self._received: MetricsData | None = None
        collection = _Collection(self._collected, timeout)
        self._collector = OtelCollector(
            self._registry, families, collection, target_info=target_info_enabled
        )
        self._registry.register(self._collector)

    def _collected(self) -> MetricsData | None:
        """Return what the SDK collects now; only one thread may call this at a time."""
        self._received = None
        self.collect(timeout_millis=_FOR_EVER)
        received, self._received = self._received, None
        return received

    def _receive_metrics(self, metrics_data: MetricsData, *_: Any, **__: Any) -> None:
        self._received = metrics_data

    def shutdown(self, *_: Any, **__: Any) -> None:
        """Remove the metrics from the registry."""
        try:
            self._registry.unregister(self._collector)
        except KeyError:
            logger.debug("the reader's metrics had been taken out of the registry before")


class _Collection:
    """Collects in a thread of its own, because an asynchronous instrument may hang.

    Args:
        collect: collects the metrics; it is never called by two threads at a time.
        timeout: seconds after which a scrape continues without the metrics.
    """

    def __init__(self, collect: Callable[[], MetricsData | None], timeout: float) -> None:
        self._collect = collect
        self._timeout = timeout
        self._hanging = False
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Start over in a forked child, in which nothing is being collected."""
        self._turn = threading.Lock()

    def collect(self) -> MetricsData | None:
        """Return what was collected; None if there is nothing or it takes too long."""
        turn = self._turn
        if not turn.acquire(timeout=self._timeout):
            self._complain()
            return None
        result: list[MetricsData | None] = []
        errors: list[Exception] = []

        def work() -> None:
            try:
                result.append(self._collect())
            except Exception as error:  # noqa: BLE001 - it is raised where the scrape is
                errors.append(error)
            finally:
                turn.release()

        thread = threading.Thread(target=work, name="vitalspan-otel-collect", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            turn.release()
            raise
        thread.join(self._timeout)
        if errors:
            raise errors[0]
        if not result:
            self._complain()
            return None
        self._hanging = False
        return result[0]

    def _complain(self) -> None:
        if not self._hanging:
            self._hanging = True
            logger.warning(
                "a callback of an OpenTelemetry instrument has not returned for %g s: the "
                "metrics of its "
                "meter provider are missing in scrapes until it does",
                self._timeout,
            )


class OtelCollector(FamilyCollector):
    """The instruments of a meter provider as a collector.

    Args:
        registry: the registry that the collector is in.
        families: translates the collected metrics.
        collection: collects the metrics.
        target_info: whether the attributes of the resource are shown.
    """

    from_opentelemetry = True

    def __init__(
        self,
        registry: CollectorRegistry,
        families: OtelFamilies,
        collection: _Collection,
        *,
        target_info: bool,
    ) -> None:
        self._registry = registry
        self._families = families
        self._collection = collection
        self.shows_target_info = target_info

    @property
    def classic_names(self) -> bool:
        """True if all names only have letters, digits, `_` and `:`."""
        return self._families.strategy.escapes

    def read(self) -> Iterator[MetricFamily]:
        """Yield the families of the instruments."""
        data = self._collection.collect()
        if data is None:
            return
        taken, has_target_info = self._others()
        for resource in data.resource_metrics[:1]:
            attributes = resource.resource.attributes
            if self.shows_target_info and attributes and not has_target_info:
                yield self._families.target_info(attributes)
        yield from self._families.translate(data, taken)

    def _others(self) -> tuple[Collection[str], bool]:
        """Return the names of other collectors, and whether one of them shows `target_info`."""
        registry: Any = self._registry
        with registry._lock:  # noqa: SLF001 - names are told by the registry alone
            collectors = list(registry._collector_to_names)  # noqa: SLF001
            taken = frozenset(registry._names_to_collectors)  # noqa: SLF001
        before = collectors[: collectors.index(self)] if self in collectors else []
        has_target_info = any(
            isinstance(one, OtelCollector) and one.shows_target_info for one in before
        )
        return taken, has_target_info or TARGET_INFO in taken or bool(registry._target_info)  # noqa: SLF001


def _strategy(name: str) -> TranslationStrategy:
    try:
        return TranslationStrategy(name)
    except ValueError:
        names = ", ".join(strategy.value for strategy in TranslationStrategy)
        raise ConfigurationError(
            f"{_WHAT}: translation_strategy={name!r:.80}: use one of {names}"
        ) from None


def _constant_labels(
    wanted: Collection[str] | Callable[[str], bool],
) -> Callable[[str], bool] | None:
    if callable(wanted):
        return wanted
    if isinstance(wanted, str):
        raise ConfigurationError(
            f"{_WHAT}: resource_constant_labels={wanted!r:.80}: use a list of keys, or a function"
        )
    return frozenset(wanted).__contains__ if wanted else None
