"""An alert as it is shown to people and sent to receivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

State = Literal["pending", "firing", "resolved"]

STATES: Final[Mapping[str, State]] = {
    "pending": "pending",
    "firing": "firing",
    "inactive": "resolved",
}
"""The displayed state of an alert, by the phase of its level."""


@dataclass(frozen=True)
class Alert:
    """An alert at one moment. Times are seconds since the Unix epoch.

    Attributes:
        id: an id that is the same for the life of the alert, and unique.
        alertname: the name of the rule.
        type: the name of the signal.
        severity: info, warning, error or critical; the worst one whose condition holds.
        state: pending, firing or resolved.
        labels: all labels, including `alertname` and `severity`, which identify the alert.
        annotations: the annotations, with their templates filled in.
        message: what is wrong, in one sentence.
        value: the last known value of the signal, in its base unit.
        threshold: the threshold of the severity, in the base unit.
        active_at: when the condition began to hold.
        fired_at: when it started firing.
        resolved_at: when it ended.
        acknowledged: whether somebody has acknowledged it.
        silenced_until: when its silence ends; 0 if it is not silenced.
        generator_url: the URL of a page about it; may be empty.
        operation: the operation that it is about, if any.
    """

    id: str
    alertname: str
    type: str
    severity: str
    state: State
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    message: str
    value: float | None
    threshold: float
    active_at: float
    fired_at: float | None = None
    resolved_at: float | None = None
    acknowledged: bool = False
    silenced_until: float = 0.0
    generator_url: str = ""
    operation: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON has."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        document["labels"] = dict(self.labels)
        document["annotations"] = dict(self.annotations)
        return document
