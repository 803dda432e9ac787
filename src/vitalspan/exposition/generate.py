"""Generates the exposition of a registry in any format.

Monitors are written by our own writers. Everything else is written by prometheus_client as text,
and by our own writer as protobuf, which prometheus_client does not support.
"""

from __future__ import annotations

import inspect
import time
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
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

from vitalspan.exposition.client_families import client_families
from vitalspan.exposition.collector import FamilyCollector, MonitorCollector
from vitalspan.exposition.escaping import DOTS, ESCAPINGS, UNDERSCORES
from vitalspan.exposition.families import MetricFamily
from vitalspan.exposition.formats import Format
from vitalspan.exposition.multiprocess_metrics import with_multiprocess
from vitalspan.exposition.protobuf_format import ProtobufFormat
from vitalspan.exposition.text_format import TextFormat
from vitalspan.exposition.throttled import Throttled
from vitalspan.labels import value_text
from vitalspan.runtime.internal_errors import logger

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
    """Return a registry's metrics in an exposition format.

    A collector that raises is left out, counted in the `vitalspan_collector_errors_total` of the
    monitors in the registry, and logged once; the rest is returned.

    Args:
        registry: a prometheus_client registry, or a single collector.
        format: the exposition format.
        escaping: how to write names outside the classic character set: `underscores`,
            `allow-utf-8`, `dots` or `values`. It is ignored with releases of prometheus_client that
            do not have such names.
        names: the samples to keep, as with `name[]` in a scrape's URL; None keeps all. In protobuf,
            where a family is one message, one sample is enough to keep the whole family.

    Raises:
        TypeError: for an invalid registry or format.
        ValueError: for an unknown escaping.
    """
    _check(registry, format, escaping)
    collectors = _collectors(registry)
    monitors = [collector for collector in collectors if isinstance(collector, MonitorCollector)]
    wanted = None if names is None else frozenset(names)
    parts = []
    # Monitors come last, so that they count what the others did in this scrape.
    for collector in sorted(collectors, key=lambda one: isinstance(one, MonitorCollector)):
        try:
            parts += _encoded(collector, format, escaping, wanted)
        except Exception:  # noqa: BLE001 - a collector may raise anything
            _leave_out(collector, monitors)
    if format.is_openmetrics:
        parts.append(_END)
    return b"".join(parts)


def _collectors(registry: Collector) -> list[Any]:
    # A registry with its own `collect` is collected as a whole.
    if getattr(type(registry), "collect", None) is not CollectorRegistry.collect:
        return [registry]
    own: Any = registry
    # The registry's lock is not taken, because a signal handler could not take it while its program
    # holds it. Copying a dictionary is atomic.
    collectors = list(own._collector_to_names)  # noqa: SLF001
    target = own._target_info_metric() if own._target_info else None  # noqa: SLF001
    collectors = with_multiprocess(collectors)
    return [TargetInfo([target]), *collectors] if target else collectors


def _check(registry: object, format: object, escaping: str) -> None:  # noqa: A002 - the word for it
    if isinstance(registry, Format):
        raise TypeError(
            f"generate_latest({registry}): the first argument is the registry: write "
            f"generate_latest(format={registry})"
        )
    if not hasattr(registry, "collect"):
        raise TypeError(
            f"generate_latest({registry!r:.80}): use a prometheus_client registry or a collector"
        )
    if not isinstance(format, Format):
        raise TypeError(f"format={format!r:.80}: use one of {', '.join(map(str, Format))}")
    if escaping not in ESCAPINGS:
        raise ValueError(f"escaping={escaping!r:.80}: use one of {', '.join(sorted(ESCAPINGS))}")


def _encoded(
    collector: Any,
    format: Format,  # noqa: A002 - the word for it
    escaping: str,
    names: Collection[str] | None,
) -> list[bytes]:
    if isinstance(collector, _SLOW_COLLECTORS):
        collector = _throttled_once(collector)
    if format is Format.PROTOBUF:
        return list(ProtobufFormat(escaping).write(_families(collector, names)))
    if isinstance(collector, FamilyCollector):
        # `dots` changes every name with an underscore; other escapings keep classic names.
        if names is None and escaping != DOTS and collector.classic_names:
            text_format = TextFormat(
                openmetrics=format.is_openmetrics,
                created=collector.created_series,
                native=format is Format.OPENMETRICS_2_0_0,
            )
            return list(text_format.write(collector.read()))
        # Releases of prometheus_client without the parameter have no native histograms either.
        has_version = "version" in _options_of(openmetrics.generate_latest)
        metrics = collector.metrics(native=has_version and format is Format.OPENMETRICS_2_0_0)
    else:
        metrics = collector.collect()
    return [_client_text(metrics, format, escaping, names)]


def _families(collector: Any, names: Collection[str] | None) -> Iterator[MetricFamily]:
    if isinstance(collector, FamilyCollector):
        families = collector.read()
    else:
        families = client_families(collector.collect())
    if names is None:
        return families
    return (family for family in families if not family.metadata.sample_names.isdisjoint(names))


def _client_text(
    metrics: Iterable[Metric],
    format: Format,  # noqa: A002 - the word for it
    escaping: str,
    names: Collection[str] | None,
) -> bytes:
    """Return the output of prometheus_client for metrics."""
    if names is not None:
        metrics = [kept for metric in metrics if (kept := _restricted(metric, names)).samples]
    write = openmetrics.generate_latest if format.is_openmetrics else exposition.generate_latest
    options = {"escaping": escaping, "version": "2.0.0"}
    if format is not Format.OPENMETRICS_2_0_0:
        del options["version"]
    # Older releases have fewer parameters.
    parameters = _options_of(write)
    options = {name: value for name, value in options.items() if name in parameters}
    text: bytes = write(_Fixed(metrics), **options)
    return text.removesuffix(_END) if format.is_openmetrics else text


@cache
def _options_of(write: Callable[..., bytes]) -> Collection[str]:
    return inspect.signature(write).parameters.keys()


def _throttled_once(collector: Any) -> Throttled:
    wrapper = _throttled.get(collector)
    if wrapper is None:
        # With a proxy, because the values of a weak dictionary must not keep their own key alive.
        throttled = Throttled(weakref.proxy(collector), time.monotonic)
        wrapper = _throttled.setdefault(collector, throttled)
    return wrapper


def _restricted(metric: Metric, names: Collection[str]) -> Metric:
    restricted = copy(metric)
    restricted.samples = [sample for sample in metric.samples if sample.name in names]
    return restricted


def _leave_out(collector: Any, monitors: list[MonitorCollector]) -> None:
    kind = value_text(type(collector).__qualname__)
    for monitor in monitors:
        monitor.families.counts.note_collector_error(kind)
    if _first_time(type(collector) if isinstance(collector, TargetInfo) else collector):
        logger.warning(
            "collector %s raised an exception, and is left out of scrapes while it does",
            kind,
            exc_info=True,
        )


def _first_time(collector: Any) -> bool:
    try:
        reported = collector in _reported
        _reported.add(collector)
    except TypeError:
        # It cannot be hashed or weakly referenced, so its type is used instead.
        return _first_time(type(collector))
    return not reported


class _Fixed(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class TargetInfo(_Fixed):
    """The labels of a registry for the whole target, created for each scrape."""
