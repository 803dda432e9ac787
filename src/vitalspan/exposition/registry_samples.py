"""Reads samples with given names from a registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.registry import Collector

from vitalspan.exposition.multiprocess_metrics import MultiprocessMetrics, with_multiprocess
from vitalspan.history.registry_metrics import Found

_OF_COLLECTORS: Final = ("process_", "python_", "system_")
"""The prefixes of the samples of process, interpreter and machine collectors."""


def _is_known(collector: Collector) -> bool:
    types = (ProcessCollector, PlatformCollector, GCCollector, MultiprocessMetrics)
    return isinstance(collector, types)


def registered_names(registry: CollectorRegistry) -> frozenset[str]:
    """Return the names of all samples that the collectors of a registry describe."""
    return frozenset(list(registry._names_to_collectors))  # noqa: SLF001 - nothing public tells


def collectors_of(registry: CollectorRegistry, names: frozenset[str] | None) -> Iterator[Collector]:
    """Yield the collectors that may have samples with these names; None is any name.

    A registry only knows the names of collectors that describe themselves.
    """
    others = names is None or any(not name.startswith(_OF_COLLECTORS) for name in names)
    # A restricted registry leaves out collectors that describe nothing. Its lock is not taken,
    # because a signal handler could not take it while its program holds it. Copying a dictionary is
    # atomic.
    names_by_collector = dict(registry._collector_to_names)  # noqa: SLF001
    for collector in with_multiprocess(names_by_collector):
        described = names_by_collector.get(collector, ())
        # A collector that describes nothing may be slow: it is only asked for otherwise unknown
        # names.
        if described:
            is_wanted = names is None or not names.isdisjoint(described)
        else:
            is_wanted = others or _is_known(collector)
        if is_wanted:
            yield collector


def read_samples(registry: CollectorRegistry, names: frozenset[str]) -> Iterator[Found]:
    """Yield the samples with these names; a collector that raises is left out."""
    for collector in collectors_of(registry, names):
        # Scrapes count and log such errors.
        with suppress(Exception):
            samples = [
                (sample.name, sample.labels, sample.value)
                for metric in collector.collect()
                for sample in metric.samples
                if sample.name in names
            ]
            yield from samples


def is_registered(registry: CollectorRegistry, name: str) -> bool:
    """Return whether a collector describes a metric of this name, with or without samples."""
    return name in registry._names_to_collectors  # noqa: SLF001 - nothing public tells
