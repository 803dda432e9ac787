"""A registry as text: our families written fast, all others by prometheus_client."""

from __future__ import annotations

import inspect
import time
import weakref
from collections.abc import Callable, Collection, Iterable
from copy import copy
from functools import cache
from typing import Any, Final

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    exposition,
)
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from vitalspan.bridge.collector import MonitorCollector
from vitalspan.bridge.formats import Format
from vitalspan.bridge.text import render
from vitalspan.bridge.throttle import Throttled
from vitalspan.record.faults import logger
from vitalspan.record.labels import value_text

UNDERSCORES: Final = "underscores"

_DOTS: Final = "dots"
_END: Final = b"# EOF\n"

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
    wanted = None if names is None else frozenset(names)
    parts = []
    # Monitors last, so that they show what the others did in this very scrape.
    for collector in sorted(collectors, key=lambda one: isinstance(one, MonitorCollector)):
        try:
            parts.append(_text(collector, format, escaping, wanted))
        except Exception:  # noqa: BLE001, PERF203 - a collector may raise anything
            _leave_out(collector, monitors)
    if format.is_openmetrics:
        parts.append(_END)
    return b"".join(parts)


def _collectors(registry: Collector) -> list[Any]:
    # One that collects in a way of its own is asked as a whole.
    if getattr(type(registry), "collect", None) is not CollectorRegistry.collect:
        return [registry]
    own: Any = registry
    with own._lock:  # noqa: SLF001
        collectors = list(own._collector_to_names)  # noqa: SLF001
        target = own._target_info_metric() if own._target_info else None  # noqa: SLF001
    return [TargetInfo([target]), *collectors] if target else collectors


def _text(
    collector: Any,
    format: Format,  # noqa: A002 - the word for it
    escaping: str,
    names: Collection[str] | None,
) -> bytes:
    # `dots` changes every name with an underscore; the other ways leave ours as they are.
    if isinstance(collector, MonitorCollector) and names is None and escaping != _DOTS:
        return render(collector.state, openmetrics=format.is_openmetrics).encode("utf-8")
    if isinstance(collector, _SLOW_COLLECTORS):
        collector = _throttled_once(collector)
    metrics = list(collector.collect())
    if names is not None:
        metrics = [kept for metric in metrics if (kept := _restricted(metric, names)).samples]
    write = openmetrics.generate_latest if format.is_openmetrics else exposition.generate_latest
    options = {"escaping": escaping} if _knows_escaping(write) else {}
    text: bytes = write(_Fixed(metrics), **options)
    return text.removesuffix(_END) if format.is_openmetrics else text


@cache
def _knows_escaping(write: Callable[..., bytes]) -> bool:
    return "escaping" in inspect.signature(write).parameters


def _throttled_once(collector: Any) -> Throttled:
    known = _throttled.get(collector)
    if known is None:
        # By a proxy: what the table holds must not keep its own key alive.
        throttled = Throttled(weakref.proxy(collector), time.monotonic)
        known = _throttled.setdefault(collector, throttled)
    return known


def _restricted(metric: Metric, names: Collection[str]) -> Metric:
    kept = copy(metric)
    kept.samples = [sample for sample in metric.samples if sample.name in names]
    return kept


def _leave_out(collector: Any, monitors: list[MonitorCollector]) -> None:
    kind = value_text(type(collector).__qualname__)
    for monitor in monitors:
        errors = monitor.state.collector_errors
        errors[kind] = errors.get(kind, 0) + 1
    if _first_time(type(collector) if isinstance(collector, TargetInfo) else collector):
        logger.warning(
            "collector %s raised and is left out of scrapes while it does", kind, exc_info=True
        )


def _first_time(collector: Any) -> bool:
    try:
        known = collector in _reported
        _reported.add(collector)
    except TypeError:
        # It cannot be hashed, or not be referred to weakly: its type stands for it.
        return _first_time(type(collector))
    return not known


class _Fixed(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class TargetInfo(_Fixed):
    """The labels that a registry has for the whole target; made anew for every scrape."""
