"""An alert as it is shown to people and sent to receivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["pending", "firing", "resolved"]


@dataclass(frozen=True)
class Alert:
    """One alert at one moment. Times are seconds since the Unix epoch.

    Attributes:
        id: stays the same as long as the alert lives; another one has another.
        alertname: the rule's name.
        type: the signal's name.
        severity: info, warning, error or critical; the worst that holds.
        state: pending, firing or resolved.
        labels: with `alertname` and `severity`; what tells alerts apart.
        annotations: for people, filled in.
        message: what is the matter, in one sentence.
        value: of the signal, when it was last known; base unit.
        threshold: of the severity; base unit.
        active_at: when the condition began to hold.
        fired_at: when it began to fire.
        resolved_at: when it ended.
        acknowledged: whether somebody has seen it.
        silenced_until: when it will be told again; 0 where it is not silenced.
        generator_url: where to look; may be empty.
        operation: that it is about, where it is about one.
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
        """Return everything as JSON can say it."""
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__}
        shown["labels"] = dict(self.labels)
        shown["annotations"] = dict(self.annotations)
        return shown
