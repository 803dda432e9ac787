"""Samples of a registry by their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.registry import Collector

from vitalspan.history.metrics import Found

_OF_COLLECTORS: Final = ("process_", "python_", "system_")
"""How the samples begin that the collectors of processes, interpreters and machines have."""


def _is_known(collector: Collector) -> bool:
    return isinstance(collector, (ProcessCollector, PlatformCollector, GCCollector))


def read_samples(registry: CollectorRegistry, names: frozenset[str]) -> Iterator[Found]:
    """Yield the samples of these names; a collector that raises is left out.

    Of the collectors only those are asked that may have such samples: a registry knows the names of
    those that describe themselves.
    """
    others = any(not name.startswith(_OF_COLLECTORS) for name in names)
    with registry._lock:  # noqa: SLF001 - a restricted registry leaves out who tells no names
        known = dict(registry._collector_to_names)  # noqa: SLF001
    for collector, described in known.items():
        # One that describes nothing may be slow: it is asked for what nobody else may have.
        if names.isdisjoint(described) if described else not (others or _is_known(collector)):
            continue
        # A scrape counts and logs it.
        with suppress(Exception):
            found = [
                (sample.name, sample.labels, sample.value)
                for metric in collector.collect()
                for sample in metric.samples
                if sample.name in names
            ]
            yield from found
