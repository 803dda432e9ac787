"""A registry as text: our families written fast, all others by prometheus_client."""

from __future__ import annotations

import inspect
import time
import weakref
from collections.abc import Collection, Iterable
from typing import Any, Final

from prometheus_client import REGISTRY, GCCollector, PlatformCollector, ProcessCollector, exposition
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from vitalspan.bridge.collector import MonitorCollector
from vitalspan.bridge.formats import Format
from vitalspan.bridge.text import render
from vitalspan.bridge.throttle import Throttled
from vitalspan.record.faults import logger

UNDERSCORES: Final = "underscores"

_END: Final = "# EOF\n"

_SLOW_COLLECTORS: Final = (ProcessCollector, PlatformCollector, GCCollector)
_throttled: weakref.WeakKeyDictionary[Any, Throttled] = weakref.WeakKeyDictionary()
_reported: weakref.WeakSet[Any] = weakref.WeakSet()


def generate_latest(
    registry: Collector = REGISTRY,
    *,
    format: Format = Format.TEXT_0_0_4,  # noqa: A002 - the word for it
    escaping: str = UNDERSCORES,
    names: Collection[str] | None = None,
) -> bytes:
    """Return a registry's metrics as text.

    A collector that raises is left out, counted in `vitalspan_collector_errors_total` of the
    monitors in the registry, and logged once; the rest is returned.

    Args:
        registry: a prometheus_client registry, or one collector.
        format: the exposition format.
        escaping: how names outside the classic character set are written: `underscores`,
            `allow-utf-8`, `dots` or `values`. Releases of prometheus_client without such names
            ignore it.
        names: the samples to keep, as `name[]` in a scrape's address; None keeps all.
    """
    collectors = _collectors(registry)
    monitors = [collector for collector in collectors if isinstance(collector, MonitorCollector)]
    parts = []
    # Monitors last, so that they show what the others did in this very scrape.
    for collector in sorted(collectors, key=lambda collector: collector in monitors):
        try:
            parts.append(_text(collector, format, escaping, names))
        except Exception:  # noqa: BLE001, PERF203 - a collector may raise anything
            _leave_out(collector, monitors)
    if format.is_openmetrics:
        parts.append(_END)
    return "".join(parts).encode("utf-8")


def _collectors(registry: Collector) -> list[Any]:
    lock = getattr(registry, "_lock", None)
    known = getattr(registry, "_collector_to_names", None)
    if lock is None or known is None:
        return [registry]
    with lock:
        collectors = list(known)
        target = registry._target_info_metric() if registry._target_info else None  # type: ignore[attr-defined]  # noqa: SLF001
    return [_Fixed([target]), *collectors] if target else collectors


def _text(
    collector: Any,
    format: Format,  # noqa: A002 - the word for it
    escaping: str,
    names: Collection[str] | None,
) -> str:
    if isinstance(collector, MonitorCollector) and names is None:
        return render(collector.state, openmetrics=format.is_openmetrics)
    if isinstance(collector, _SLOW_COLLECTORS):
        collector = _throttled_once(collector)
    metrics = list(collector.collect())
    if names is not None:
        metrics = [kept for metric in metrics if (kept := _restricted(metric, names)).samples]
    write = openmetrics.generate_latest if format.is_openmetrics else exposition.generate_latest
    options = {"escaping": escaping} if "escaping" in inspect.signature(write).parameters else {}
    text: str = write(_Fixed(metrics), **options).decode("utf-8")
    return text.removesuffix(_END) if format.is_openmetrics else text


def _throttled_once(collector: Any) -> Throttled:
    if collector not in _throttled:
        # By a proxy: what the table holds must not keep its own key alive.
        _throttled[collector] = Throttled(weakref.proxy(collector), time.monotonic)
    return _throttled[collector]


def _restricted(metric: Metric, names: Collection[str]) -> Metric:
    kept = Metric(metric.name, metric.documentation, metric.type, metric.unit)
    kept.samples = [sample for sample in metric.samples if sample.name in names]
    return kept


def _leave_out(collector: Any, monitors: list[MonitorCollector]) -> None:
    kind = type(collector).__qualname__
    for monitor in monitors:
        errors = monitor.state.collector_errors
        errors[kind] = errors.get(kind, 0) + 1
    if collector not in _reported:
        _reported.add(collector)
        logger.warning(
            "collector %s raised and is left out of scrapes while it does", kind, exc_info=True
        )


class _Fixed(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics
