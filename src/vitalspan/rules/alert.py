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
"""The state in which an alert is shown, by the phase of its level."""


@dataclass(frozen=True)
class Alert:
    """An alert at one moment. Times are seconds since the Unix epoch.

    Attributes:
        id: the same as long as the alert lives, and different for every other alert.
        alertname: the rule's name.
        type: the signal's name.
        severity: info, warning, error or critical; the worst whose condition holds.
        state: pending, firing or resolved.
        labels: all labels, `alertname` and `severity` among them, which tell alerts apart.
        annotations: for people, filled in.
        message: what is wrong, in one sentence.
        value: of the signal, when it was last known; base unit.
        threshold: of the severity; base unit.
        active_at: when the condition began to hold.
        fired_at: when it began to fire.
        resolved_at: when it ended.
        acknowledged: whether somebody has acknowledged it.
        silenced_until: until when nobody is notified of it; 0 where it is not silenced.
        generator_url: a page about it; may be empty.
        operation: the operation that it is about, if it is about one.
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
        """Return all fields as JSON has them."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        document["labels"] = dict(self.labels)
        document["annotations"] = dict(self.annotations)
        return document
