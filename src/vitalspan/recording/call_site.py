"""A call site: one place in the code that records, and what was decided when it was defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from vitalspan.labels import Labels
from vitalspan.metrics import COMPONENT
from vitalspan.recording import spans
from vitalspan.recording.attributes import kept_value, span_attributes
from vitalspan.recording.call_record import Record
from vitalspan.recording.options import NO_EXTRAS, OperationOptions, SpanExtras
from vitalspan.recording.rebuild import Shared, rebuild
from vitalspan.recording.recorder import Recorder
from vitalspan.recording.series import Series


class _Gate:
    """A value that `site.gate` takes and that no tracer provider can be."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> str:
        # It is recognised by its identity, also in whatever is pickled with it.
        return self._name


OFF: Final = _Gate("OFF")
"""The monitor is disabled: nothing is recorded."""

ENGAGED: Final = _Gate("ENGAGED")
"""There is more to do than to take the time."""

IN_SESSION: Final = _Gate("IN_SESSION")
"""Sessions are open, and there is no more to do than to note which of them are around a call."""

MAX_LABELLED_SITES: Final = 4096
"""Sets of further labels that a call site keeps a call site for."""

_NONE: Final[dict[str, Any]] = {}


class CallSite(Shared):
    """A decorated function, or a name that a `with` statement records under.

    `gate` is what a caller compares with the API's global tracer provider: if they are the same
    object, the call has no span and nothing else to measure, and takes the shortest way. So one
    comparison decides among everything that can be switched on and off. A call that is not so
    compares `session_gate` next: if that is the same, it only has to note the sessions around it.

    Args:
        recorder: what all call sites of a monitor share.
        series: that its calls are counted in.
        options: of the operation.
        extras: attributes and links of its spans.
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
        # Whether a call will be long can only be told from the last one. The first is measured, so
        # that a report that runs once is.
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
        """Return the site like this one whose calls are counted with further labels."""
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
        """Let go of the sites that have further labels."""
        if self._labelled is not None:
            self._labelled.clear()

    def span_attributes(self) -> dict[str, Any]:
        """Return what every span of this site starts with; not to be changed."""
        attributes = self._span_attributes
        if attributes is None:
            series = self.series
            attributes = {COMPONENT: series.component, **dict(series.labels)}
            if self.code_name is not None:
                attributes["code.function.name"] = self.code_name
            attributes.update(self.attributes)
            # Complete, since another thread may use it at once.
            self._span_attributes = attributes
        return attributes

    def set_gate(self) -> None:
        """Decide again which way calls take."""
        gates = self._right_gates()
        # Another thread may have switched recording off after that was asked, and been overwritten.
        while self.gate is not gates[0] or self.session_gate is not gates[1]:
            self.gate, self.session_gate = gates
            gates = self._right_gates()

    def _right_gates(self) -> tuple[object, object]:
        """Return `gate` and `session_gate`; one that is no tracer provider is never equal."""
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
        """Return whether a call only has to take the time and to note the sessions around it."""
        provider: object = spans.slot._TRACER_PROVIDER  # noqa: SLF001
        return provider is self.session_gate

    def inspect(self, record: Record) -> None:
        """Look at a call that lasted for `inspect_from` seconds or longer."""
        recorder = self.recorder
        seconds = record[1]
        if self.slow is not None and seconds > self.slow and record[0] >= recorder.born:
            recorder.note_slow(record)
        if self.resources is None and not self.measuring:
            self._measure_next(worth=seconds >= recorder.meter.worthwhile)

    def decide_measuring(self, seconds: float) -> None:
        """Decide after a measured call of so many seconds whether the next one is measured."""
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
    """Make a call site whose series is in the table, even if it is forgotten meanwhile.

    Args:
        recorder: whose site it is.
        find: returns the series from the table.
        make: makes the site for a series.
    """
    while True:
        series = find()
        site = make(series)
        recorder.sites.add(site)
        # Whoever switched recording on or off meanwhile may not have seen this site.
        site.set_gate()
        if recorder.series_table.is_overflow(series) or find() is series:
            return site
