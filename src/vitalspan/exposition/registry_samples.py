"""Reads the samples of a registry that have given names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.registry import Collector

from vitalspan.exposition.shared_metrics import SharedMetrics, with_shared
from vitalspan.history.registry_metrics import Found

_OF_COLLECTORS: Final = ("process_", "python_", "system_")
"""How the samples begin that the collectors of processes, interpreters and machines have."""


def _is_known(collector: Collector) -> bool:
    types = (ProcessCollector, PlatformCollector, GCCollector, SharedMetrics)
    return isinstance(collector, types)


def registered_names(registry: CollectorRegistry) -> frozenset[str]:
    """Return the names of all samples that the collectors of a registry describe."""
    return frozenset(list(registry._names_to_collectors))  # noqa: SLF001 - nothing public tells


def collectors_of(registry: CollectorRegistry, names: frozenset[str] | None) -> Iterator[Collector]:
    """Yield the collectors that may have samples of these names; None is any name.

    A registry knows the names of those that describe themselves.
    """
    others = names is None or any(not name.startswith(_OF_COLLECTORS) for name in names)
    # A restricted registry leaves out collectors that describe nothing. Its lock is not taken: a
    # signal handler could not where its program holds it, and a dictionary is copied in one go.
    names_by_collector = dict(registry._collector_to_names)  # noqa: SLF001
    for collector in with_shared(names_by_collector):
        described = names_by_collector.get(collector, ())
        # One that describes nothing may be slow: it is asked for what nobody else may have.
        if described:
            is_wanted = names is None or not names.isdisjoint(described)
        else:
            is_wanted = others or _is_known(collector)
        if is_wanted:
            yield collector


def read_samples(registry: CollectorRegistry, names: frozenset[str]) -> Iterator[Found]:
    """Yield the samples of these names; a collector that raises is left out."""
    for collector in collectors_of(registry, names):
        # A scrape counts and logs it.
        with suppress(Exception):
            samples = [
                (sample.name, sample.labels, sample.value)
                for metric in collector.collect()
                for sample in metric.samples
                if sample.name in names
            ]
            yield from samples


def is_registered(registry: CollectorRegistry, name: str) -> bool:
    """Return whether a collector describes a metric of this name, with or without series."""
    return name in registry._names_to_collectors  # noqa: SLF001 - nothing public tells
