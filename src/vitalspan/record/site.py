"""One place in the code that records: what was decided when it was defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from vitalspan.names import COMPONENT
from vitalspan.record.cell import Cell
from vitalspan.record.details import Record, shown

if TYPE_CHECKING:
    from vitalspan.record.recorder import Recorder


class _Gate:
    """A value that `site.gate` takes and that no tracer provider can be."""


OFF: Final = _Gate()
"""The monitor is disabled: nothing is recorded."""

ENGAGED: Final = _Gate()
"""There is more to do than to take the time."""


class Site:
    """A decorated function, or a name that a `with` statement records under.

    `gate` is what a caller compares with the API's global tracer provider: if they are the same
    object, the call has no span and nothing else to measure, and takes the shortest way. So one
    comparison decides among everything that can be switched on and off.
    """

    __slots__ = (
        "__weakref__",
        "attention",
        "attributes",
        "cell",
        "gate",
        "measuring",
        "now",
        "recorder",
        "resources",
        "slow",
        "span_attributes",
    )

    def __init__(
        self,
        recorder: Recorder,
        cell: Cell,
        *,
        slow: float | None,
        resources: bool | None,
        attributes: dict[str, Any] | None = None,
        code_name: str | None = None,
    ) -> None:
        self.recorder = recorder
        self.cell = cell
        self.now: Callable[[], float] = recorder.now
        self.slow = slow
        self.resources = resources
        self.attributes = attributes or {}
        self.span_attributes = _span_attributes(cell, self.attributes, code_name)
        # Whether a call will be long can only be told from the last one. The first is measured, so
        # that a report that runs once is.
        self.measuring = resources is not False
        self.attention = float("inf") if slow is None else slow
        self.gate: object = None
        self.set_gate()

    def like(self, attributes: dict[str, Any], code_name: str) -> Site:
        """Return a site of the same series for a function."""
        return self.recorder.place(
            self.cell,
            slow=self.slow,
            resources=self.resources,
            attributes=attributes,
            code_name=code_name,
        )

    def set_gate(self) -> None:
        """Decide anew which way calls take."""
        recorder = self.recorder
        if not recorder.enabled:
            self.gate = OFF
        elif self.measuring or recorder.tracing.own is not None:
            self.gate = ENGAGED
        else:
            self.gate = recorder.silent_provider

    def attend(self, record: Record) -> None:
        """Look at a call that lasted for `attention` or longer."""
        recorder = self.recorder
        seconds = record[1]
        if self.slow is not None and seconds > self.slow:
            recorder.slow.append(shown(record, recorder.epoch()))
        if self.resources is None and not self.measuring:
            self._measure_next(worth=seconds >= recorder.meter.worthwhile)

    def measured(self, seconds: float) -> None:
        """Decide after a measured call whether the next one is measured."""
        if self.resources is None:
            worthwhile = self.recorder.meter.worthwhile
            self.attention = worthwhile if self.slow is None else min(worthwhile, self.slow)
            self._measure_next(worth=seconds >= worthwhile)

    def _measure_next(self, *, worth: bool) -> None:
        if worth is not self.measuring:
            self.measuring = worth
            self.set_gate()


def _span_attributes(
    cell: Cell, attributes: dict[str, Any], code_name: str | None
) -> dict[str, Any]:
    """Return what every span of a site starts with."""
    code = {} if code_name is None else {"code.function.name": code_name}
    return {COMPONENT: cell.component, **dict(cell.labels), **code, **attributes}
