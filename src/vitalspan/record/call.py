"""The handle that a `with` statement gives to its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.names import RESERVED_MEASURES
from vitalspan.record.details import IN_PROGRESS, Record
from vitalspan.record.labels import check_name, value_text
from vitalspan.record.observe import Observation, known
from vitalspan.record.tally import amount_of

if TYPE_CHECKING:
    from vitalspan.record.site import Site

MAX_MEASURES: Final = 32
"""Distinct measures of one series."""


class Call:
    """A call in progress, as `with operation(...) as call` gives it."""

    __slots__ = ("_observation", "_record", "_site")

    def __init__(self, site: Site, record: Record, observation: Observation | None) -> None:
        self._site = site
        self._record = record
        self._observation = observation

    def add(self, measure: str, amount: float = 1) -> None:
        """Count something that this call did, as `operation_<measure>_total`.

        An impossible name or amount is left out, counted as a fault of the instrumentation and
        logged once; it never raises.

        Args:
            measure: a name of letters, digits and underscores.
            amount: zero or more; amounts of one call are summed.
        """
        # What comes after the end is nobody's: the call may be counted already.
        if self._record[1] != IN_PROGRESS:
            return
        try:
            self._add(measure, amount)
        except Exception as fault:  # noqa: BLE001 - the user's call must not fail
            faults = self._site.recorder.faults
            faults.note("measure", f"a measure is left out: {value_text(fault)}", trace=False)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute of this call's span and of its entry among the recent calls.

        Attributes never become labels.
        """
        if self._record[1] != IN_PROGRESS:
            return
        try:
            self._set_attribute(key, value)
        except Exception:  # noqa: BLE001 - the user's call must not fail
            self._site.recorder.faults.note("span", "an attribute of a span is left out")

    @property
    def trace_id(self) -> str | None:
        """The trace id in hexadecimal, None where there is no recording span."""
        span = None if self._observation is None else self._observation.span
        return None if span is None else f"{span.get_span_context().trace_id:032x}"

    def _set_attribute(self, key: str, value: Any) -> None:
        details = known(self._record)
        if details.attributes is None:
            details.attributes = {}
        details.attributes[key] = value
        observation = self._observation
        if observation is not None and observation.span is not None:
            observation.span.set_attribute(key, value)

    def _add(self, measure: str, amount: float) -> None:
        check_name(measure, "measure")
        if measure in RESERVED_MEASURES:
            raise ConfigurationError(
                f"measure {measure!r} would take the name of operation_{measure}_total: "
                "choose another name"
            )
        if measure.endswith("_total"):
            raise ConfigurationError(
                f"measure {measure!r} becomes operation_{measure}_total: leave out its ending"
            )
        checked = amount_of(amount)
        details = known(self._record)
        if details.measures is None:
            details.measures = {}
        counted = self._site.cell.measures
        new = measure not in details.measures and measure not in counted
        if new and len(counted) + len(details.measures) >= MAX_MEASURES:
            raise ConfigurationError(
                f"measure {measure!r} is one too many: a series has {MAX_MEASURES} at most"
            )
        details.measures[measure] = details.measures.get(measure, 0) + checked
        details.counted = True
