"""What every recording site of one monitor shares."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vitalspan.clock import Clock
from vitalspan.errors import ConfigurationError
from vitalspan.record import labels as label_rules
from vitalspan.record import spans
from vitalspan.record.cell import Cell
from vitalspan.record.details import CallRecord, shown
from vitalspan.record.faults import Faults
from vitalspan.record.fold import Folder
from vitalspan.record.labels import value_text
from vitalspan.record.resources import Meter
from vitalspan.record.series import Series
from vitalspan.record.site import Site

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

MAX_CACHED_SITES = 4096
"""Sites that `with` statements reuse; beyond it they are made anew for each call."""


class Recorder:
    """The cells, the fold and the switches of one monitor.

    Args:
        clock: where durations and dates come from.
        tracer_provider: a provider of its own; None follows the global one.
        component: the component of operations that name none.
        max_series: distinct sets of operation labels that get series of their own.
        recent_calls: finished calls that are kept for reading.
        slow_calls: calls over their `slow=` limit that are kept for reading.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        tracer_provider: TracerProvider | None,
        component: str,
        max_series: int,
        recent_calls: int,
        slow_calls: int,
    ) -> None:
        self.clock = clock
        self.now: Callable[[], float] = clock.now
        self.born = clock.now()
        self.component = value_text(component)
        self.enabled = True
        self.silent_provider: object = None
        self.tracing = spans.Tracing(tracer_provider)
        self.meter = Meter()
        self.faults = Faults()
        self.series = Series(max_series)
        self.folder = Folder(clock.now, recent_calls, self.faults)
        self.slow: deque[CallRecord] = deque(maxlen=slow_calls)
        self._sites: weakref.WeakSet[Site] = weakref.WeakSet()
        self.named: dict[object, Site] = {}
        self.unrecorded = Site(self, Cell("", "", ()), slow=None, resources=False)

    def site(
        self,
        operation: str,
        component: str | None = None,
        labels: Mapping[str, object] | None = None,
        *,
        slow: float | None,
        resources: bool | None,
        attributes: dict[str, Any] | None = None,
        code_name: str | None = None,
    ) -> Site:
        """Define a place that records.

        Raises:
            ConfigurationError: for a label or an option that cannot be one.
        """
        _check_options(slow, resources)
        cell = self.series.cell(
            self.component if component is None else value_text(component),
            value_text(operation),
            label_rules.declared(labels),
        )
        return self.place(
            cell, slow=slow, resources=resources, attributes=attributes, code_name=code_name
        )

    def place(self, cell: Cell, **options: Any) -> Site:
        """Define a place that records into a cell."""
        site = Site(self, cell, **options)
        self._sites.add(site)
        # Whoever switched recording on or off meanwhile may not have seen this site.
        site.set_gate()
        return site

    def known_site(
        self,
        operation: str,
        component: str | None,
        labels: Mapping[str, object] | None,
        slow: float | None,
        resources: bool | None,  # noqa: FBT001 - positional for speed
    ) -> Site | None:
        """Return the site that a block of the same words has used before, if there is one.

        Raises:
            ConfigurationError: for a label or an option that cannot be one.
        """
        return self.named.get(_words(operation, component, labels, slow, resources))

    def block_site(
        self,
        operation: str,
        component: str | None,
        labels: Mapping[str, object] | None,
        slow: float | None,
        resources: bool | None,  # noqa: FBT001 - as above
    ) -> Site:
        """Return the site of a block, which further blocks of the same words will share."""
        words = _words(operation, component, labels, slow, resources)
        site = self.named.get(words)
        if site is None:
            site = self.site(operation, component, labels, slow=slow, resources=resources)
            full = len(self.named) >= MAX_CACHED_SITES or self.series.is_overflow(site.cell)
            if not full and len(operation) <= label_rules.MAX_VALUE_LENGTH:
                self.named[words] = site
        return site

    def switch(self, *, enabled: bool) -> None:
        """Begin or stop recording everywhere."""
        self.enabled = enabled
        self.regate()

    def regate(self) -> None:
        """Let every site decide anew which way its calls take."""
        for site in self._living_sites():
            site.set_gate()

    def _living_sites(self) -> list[Site]:
        while True:
            # It fails where a thread or a signal handler defines an operation meanwhile.
            with suppress(RuntimeError):
                return list(self._sites)

    def skip_tracing(self) -> None:
        """Take the short way from now on: the provider there is makes no spans."""
        provider = spans.slot._TRACER_PROVIDER  # noqa: SLF001
        if self.silent_provider is not provider:
            self.silent_provider = provider
            self.regate()

    def cells(self) -> list[Cell]:
        """Return every cell with all finished calls counted."""
        cells = self.series.all()
        self.folder.fold(cells)
        return cells

    def epoch(self) -> float:
        """Return the difference between the time of day and the steady clock, in seconds."""
        return self.clock.wall() - self.clock.now()

    def recent(self) -> list[CallRecord]:
        """Return the most recent calls in the order in which they ended."""
        self.cells()
        epoch = self.epoch()
        return [shown(record, epoch) for record in self.folder.recent.latest()]

    def reset(self) -> None:
        """Begin anew from zero, as a forked child must: its parent counts what was before."""
        self.born = self.now()
        self.meter.close()
        self.folder.reset()
        self.series.reset()
        self.slow.clear()
        self.faults.reset()


def _words(
    operation: str,
    component: str | None,
    labels: Mapping[str, object] | None,
    slow: float | None,
    resources: bool | None,  # noqa: FBT001 - an option's value
) -> object:
    """Return what tells blocks with different sites apart."""
    if component is None and labels is None and slow is None and resources is None:
        return operation
    _check_options(slow, resources)
    text = None if component is None else value_text(component)
    return operation, text, label_rules.declared(labels), slow, resources


def _check_options(slow: float | None, resources: bool | None) -> None:  # noqa: FBT001 - an option's value
    if slow is not None and not (isinstance(slow, (int, float)) and slow >= 0):
        raise ConfigurationError(f"slow={slow!r:.80}: use seconds from 0 up, or None")
    if resources is not None and not isinstance(resources, bool):
        raise ConfigurationError(f"resources={resources!r:.80}: use True, False or None")
