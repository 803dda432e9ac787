"""The document of alerts: active ones, past ones and silences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.page.documents.overview import active_alerts
from vitalspan.page.documents.promql import Queries, promql_of_alerts
from vitalspan.rules.alert import Alert

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

MOST_PAST: Final = 500


@dataclass(frozen=True)
class SilenceRow:
    """A silence, which mutes alerts whose labels match.

    Attributes:
        id: the id of the silence.
        where: its matchers, in PromQL's syntax.
        until: when it ends, in seconds since the Unix epoch.
        comment: the reason.
    """

    id: int
    where: str
    until: float
    comment: str


@dataclass(frozen=True)
class Alerts:
    """The alerts of the service.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        active: alerts that are pending, firing, or ended less than 15 minutes ago.
        history: past alerts as they were when they fired, changed and ended, the latest first.
        silences: the silences that have not ended.
        promql: how many alerts are `firing` and how many are `pending`, in PromQL.
    """

    at: float
    active: tuple[Alert, ...]
    history: tuple[Alert, ...]
    silences: tuple[SilenceRow, ...]
    promql: Queries


def alerts(monitor: Monitor, asked: dict[str, Any]) -> Alerts:
    """Return the active alerts, the past ones and the silences."""
    past = monitor.alerts.history()[-asked["limit"] :]
    return Alerts(
        at=monitor.clock.wall(),
        active=active_alerts(monitor),
        history=tuple(reversed(past)),
        silences=tuple(
            SilenceRow(
                one.id,
                ", ".join(f'{each.label}{each.operator}"{each.value}"' for each in one.where),
                one.until,
                one.comment,
            )
            for one in monitor.alerts.silences()
        ),
        promql=promql_of_alerts(monitor),
    )
