"""A call site: one place in the code that records, with everything that was decided for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from vitalspan.labels import Labels
from vitalspan.metrics import COMPONENT
from vitalspan.recording import spans
from vitalspan.recording.attributes import kept_value, span_attributes
from vitalspan.recording.call_record import Record
from vitalspan.recording.options import NO_EXTRAS, OperationOptions, SpanExtras
from vitalspan.recording.pickling import MonitorPart, rebuild
from vitalspan.recording.recorder import Recorder
from vitalspan.recording.series import Series


class _Gate:
    """A value of `CallSite.gate` that is never equal to a tracer provider."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> str:
        # It is compared by identity, also after it was pickled.
        return self._name


OFF: Final = _Gate("OFF")
"""The monitor is disabled: nothing is recorded."""

ENGAGED: Final = _Gate("ENGAGED")
"""The call has more to do than to take the time."""

IN_SESSION: Final = _Gate("IN_SESSION")
"""Sessions are open, and the call only has to look up which of them it is in."""

MAX_LABELLED_SITES: Final = 4096
"""The maximum number of call sites that one call site keeps for sets of further labels."""

_NONE: Final[dict[str, Any]] = {}


class CallSite(MonitorPart):
    """A decorated function, or a name that a `with` statement records.

    A caller compares `gate` with the API's global tracer provider: if they are the same object, the
    call has no span and nothing else to measure, and takes the shortest path. So a single
    comparison covers everything that can be switched on and off. Other calls compare `session_gate`
    next: if that is the same object, they only have to look up their sessions.

    Args:
        recorder: the parts that all call sites of a monitor share.
        series: the series that the calls are counted in.
        options: the options of the operation.
        extras: the attributes and links of the spans.
        code_name: the full name of the function; None for a block.
    """

    __slots__ = (
        "__weakref__",
        "_labelled",
        "_span_attributes",
        "attributes",
        "code_name",
        "gate",
        "inspect_from",
        "kept_attributes",
        "links",
        "measuring",
        "now",
        "options",
        "recorder",
        "resources",
        "series",
        "session_gate",
        "slow",
    )

    def __init__(
        self,
        recorder: Recorder,
        series: Series,
        options: OperationOptions,
        extras: SpanExtras = NO_EXTRAS,
        code_name: str | None = None,
    ) -> None:
        self.recorder = recorder
        self.series = series
        self.options = options
        self.now: Callable[[], float] = recorder.now
        self.slow = options.slow
        self.resources = options.resources
        self.attributes = _NONE
        self.kept_attributes = _NONE
        if extras.attributes:
            self.attributes = span_attributes(extras.attributes, recorder.internal_errors)
            self.kept_attributes = {
                str(key): kept_value(value) for key, value in self.attributes.items()
            }
        self.links = extras.links
        self.code_name = code_name
        self._span_attributes: dict[str, Any] | None = None
        self._labelled: dict[Labels, CallSite] | None = None
        # Only the previous call can tell whether the next one will be long. The first one is
        # measured, so that a report that runs once is measured as well.
        self.measuring = self.resources is not False
        self.inspect_from = float("inf") if self.slow is None else self.slow
        self.gate: object = None
        self.session_gate: object = OFF
        self.set_gate()

    def __reduce__(self) -> tuple[Any, ...]:
        extras = SpanExtras(self.attributes, self.links)
        options = self.options._replace(component=self.series.component)
        return rebuild, ("call_site", options, extras, self.code_name)

    def with_series(self, series: Series) -> CallSite:
        """Return a site like this one whose calls are counted in another series."""
        extras = SpanExtras(self.attributes, self.links)
        return CallSite(self.recorder, series, self.options, extras, self.code_name)

    def labelled(self, labels: Labels) -> CallSite:
        """Return a site like this one whose calls are counted with further labels."""
        if self._labelled is None:
            self._labelled = {}
            self.recorder.site_caches.add(self)
        site = self._labelled.get(labels)
        if site is not None:
            return site
        table = self.recorder.series_table
        site = add_site(
            self.recorder,
            lambda: table.with_labels(self.series, labels),
            lambda series: self if series is self.series else self.with_series(series),
        )
        if site is not self and len(self._labelled) < MAX_LABELLED_SITES:
            self._labelled[labels] = site
        return site

    def clear(self) -> None:
        """Drop the sites for further labels."""
        if self._labelled is not None:
            self._labelled.clear()

    def span_attributes(self) -> dict[str, Any]:
        """Return the attributes that every span of this site starts with; do not change them."""
        attributes = self._span_attributes
        if attributes is None:
            series = self.series
            attributes = {COMPONENT: series.component, **dict(series.labels)}
            if self.code_name is not None:
                attributes["code.function.name"] = self.code_name
            attributes.update(self.attributes)
            # Only a complete mapping, because another thread may use it at once.
            self._span_attributes = attributes
        return attributes

    def set_gate(self) -> None:
        """Update the gates, which decide which path calls take."""
        gates = self._right_gates()
        # Another thread may have switched recording off in between, and been overwritten.
        while self.gate is not gates[0] or self.session_gate is not gates[1]:
            self.gate, self.session_gate = gates
            gates = self._right_gates()

    def _right_gates(self) -> tuple[object, object]:
        """Return the values for `gate` and `session_gate`; see there."""
        recorder = self.recorder
        if not recorder.enabled:
            return OFF, OFF
        if (
            self.measuring
            or recorder.tracing.own is not None
            or self.options.error_results is not None
        ):
            return ENGAGED, ENGAGED
        if recorder.open_sessions:
            return IN_SESSION, recorder.silent_provider
        return recorder.silent_provider, ENGAGED

    def is_short_in_session(self) -> bool:
        """Return whether a call only has to take the time and look up its sessions."""
        provider: object = spans.slot._TRACER_PROVIDER  # noqa: SLF001
        return provider is self.session_gate

    def inspect(self, record: Record) -> None:
        """Handle a call that took `inspect_from` seconds or longer."""
        recorder = self.recorder
        seconds = record[1]
        if self.slow is not None and seconds > self.slow and record[0] >= recorder.born:
            recorder.note_slow(record)
        if self.resources is None and not self.measuring:
            self._measure_next(worth=seconds >= recorder.meter.worthwhile)

    def decide_measuring(self, seconds: float) -> None:
        """Decide after a measured call, by its duration in seconds, whether to measure the next."""
        if self.resources is None:
            worthwhile = self.recorder.meter.worthwhile
            self.inspect_from = worthwhile if self.slow is None else min(worthwhile, self.slow)
            self._measure_next(worth=seconds >= worthwhile)

    def _measure_next(self, *, worth: bool) -> None:
        if worth is not self.measuring:
            self.measuring = worth
            self.set_gate()


def add_site(
    recorder: Recorder, find: Callable[[], Series], make: Callable[[Series], CallSite]
) -> CallSite:
    """Make a call site whose series is in the table, even if the series is forgotten meanwhile.

    Args:
        recorder: the recorder of the site.
        find: returns the series from the table.
        make: makes the site for a series.
    """
    while True:
        series = find()
        site = make(series)
        recorder.sites.add(site)
        # Recording may have been switched on or off before this site was in the list.
        site.set_gate()
        if recorder.series_table.is_overflow(series) or find() is series:
            return site
