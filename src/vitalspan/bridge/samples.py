"""Samples of a registry by their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from prometheus_client import CollectorRegistry

from vitalspan.history.metrics import Found


def read_samples(registry: CollectorRegistry, names: frozenset[str]) -> Iterator[Found]:
    """Yield the samples of these names; a collector that raises is left out.

    Of the collectors only those are asked that may have such samples: a registry knows the names of
    those that describe themselves.
    """
    with registry._lock:  # noqa: SLF001 - a restricted registry leaves out who tells no names
        known = dict(registry._collector_to_names)  # noqa: SLF001
    for collector, described in known.items():
        if described and names.isdisjoint(described):
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
