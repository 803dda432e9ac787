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


_NONE: Final[dict[str, Any]] = {}


class Site:
    """A decorated function, or a name that a `with` statement records under.

    `gate` is what a caller compares with the API's global tracer provider: if they are the same
    object, the call has no span and nothing else to measure, and takes the shortest way. So one
    comparison decides among everything that can be switched on and off.
    """

    __slots__ = (
        "__weakref__",
        "_span_attributes",
        "attention",
        "attributes",
        "cell",
        "code_name",
        "gate",
        "measuring",
        "now",
        "recorder",
        "resources",
        "slow",
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
        self.attributes = attributes or _NONE
        self.code_name = code_name
        self._span_attributes: dict[str, Any] | None = None
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

    def span_attributes(self) -> dict[str, Any]:
        """Return what every span of this site starts with; not to be changed."""
        known = self._span_attributes
        if known is None:
            cell = self.cell
            known = {COMPONENT: cell.component, **dict(cell.labels)}
            if self.code_name is not None:
                known["code.function.name"] = self.code_name
            known.update(self.attributes)
            # Complete, since another thread may use it at once.
            self._span_attributes = known
        return known

    def set_gate(self) -> None:
        """Decide anew which way calls take."""
        gate = self._right_gate()
        # Another thread may have switched recording off after that was asked, and been overwritten.
        while self.gate is not gate:
            self.gate = gate
            gate = self._right_gate()

    def _right_gate(self) -> object:
        recorder = self.recorder
        if not recorder.enabled:
            return OFF
        if self.measuring or recorder.tracing.own is not None:
            return ENGAGED
        return recorder.silent_provider

    def attend(self, record: Record) -> None:
        """Look at a call that lasted for `attention` or longer."""
        recorder = self.recorder
        seconds = record[1]
        if self.slow is not None and seconds > self.slow and record[0] >= recorder.born:
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
