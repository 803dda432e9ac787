"""The endpoints of the JSON API: which path answers what, with which parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.page.documents import (
    alerts,
    changes,
    comparison,
    configuration,
    dependencies,
    health,
    history,
    operations,
    overview,
    profiles,
    resources,
    rules,
    sessions,
    stacks,
    status,
    trends,
    watch,
    workers,
)
from vitalspan.page.parameters import (
    COMPONENT,
    OPERATION,
    RANGE,
    STEP,
    NumberParameter,
    Parameter,
)
from vitalspan.recording.call_watch import MOST_CALLS

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

API_PATH: Final = "/api/v1/"

JSON: Final = "application/json"


@dataclass(frozen=True)
class Endpoint:
    """A path of the JSON API.

    Attributes:
        name: the part of the path after `/api/v1/`.
        answer: creates its document, given a monitor and the values of its parameters.
        document: the type of the document.
        parameters: its parameters.
        private: whether it reveals how the program is built.
        content_type: the content type; if this is not JSON, its document is `bytes`.
    """

    name: str
    answer: Callable[[Monitor, dict[str, Any]], Any]
    document: type
    parameters: tuple[Parameter, ...] = ()
    private: bool = False
    content_type: str = JSON

    @property
    def may_be_missing(self) -> bool:
        """Whether it is about something that there may not be."""
        return not _IDS.isdisjoint(self.parameters)

    @property
    def summary(self) -> str:
        """The answer in one sentence."""
        return (self.answer.__doc__ or "").split("\n")[0].removeprefix("Return ").capitalize()


def _limit(what: str, default: int, most: int) -> NumberParameter:
    text = f"{what}, at most."
    return NumberParameter("limit", text, default=str(default), least=1, most=most, whole=True)


_ONE_OPERATION: Final = Parameter("operation", "The name of the operation.", required=True)
_SINCE: Final = NumberParameter(
    "since",
    "When the watch began, as the first answer says it; without it, one begins now.",
    most=float(2**40),
)
_ID: Final = Parameter("id", "The id of a profile.", required=True)
_BEFORE: Final = Parameter("before", "The id of a closed session, the first one.", required=True)
_AFTER: Final = Parameter("after", "The id of the closed session to compare.", required=True)
_IDS: Final = frozenset({_ID, _BEFORE, _AFTER})
_CONFIDENCE: Final = NumberParameter(
    "confidence",
    "The required confidence of a test for a change to count.",
    default="0.95",
    least=0.5,
    most=0.999999,
)
_SEARCH: Final = Parameter("search", "Text that component and operation contain together.")
_SORT: Final = Parameter(
    "sort",
    "What comes first.",
    default="total",
    choices=tuple(operations.SORTS),
)

ENDPOINTS: Final = {
    one.name: one
    for one in (
        Endpoint("status", status.status, status.Status),
        Endpoint("overview", overview.overview, overview.Overview, (RANGE,)),
        Endpoint(
            "operations",
            operations.operations,
            operations.Operations,
            (
                RANGE,
                COMPONENT,
                _SEARCH,
                _SORT,
                _limit("Operations", 100, operations.MOST_OPERATIONS),
            ),
        ),
        Endpoint(
            "operation",
            operations.operation,
            operations.OperationDetail,
            (_ONE_OPERATION, COMPONENT, RANGE, STEP),
        ),
        Endpoint(
            "watch",
            watch.watch,
            watch.Watch,
            (_ONE_OPERATION, COMPONENT, _SINCE, _limit("Calls", 20, MOST_CALLS)),
        ),
        Endpoint("history", history.history, history.History, (OPERATION, COMPONENT, RANGE, STEP)),
        Endpoint("health", health.health, health.HealthDetail),
        Endpoint(
            "alerts",
            alerts.alerts,
            alerts.Alerts,
            (_limit("Past alerts", 100, alerts.MOST_PAST),),
        ),
        Endpoint("rules", rules.rules, rules.Rules),
        Endpoint("changes", changes.changes, changes.Changes, (RANGE,)),
        Endpoint("trends", trends.trends, trends.Trends, (RANGE,)),
        Endpoint("resources", resources.resources, resources.Resources, (RANGE,)),
        Endpoint("dependencies", dependencies.dependencies, dependencies.Dependencies, (RANGE,)),
        Endpoint(
            "sessions",
            sessions.sessions,
            sessions.Sessions,
            (_limit("Closed sessions", 20, 100),),
        ),
        Endpoint(
            "comparison",
            comparison.comparison,
            comparison.SessionComparison,
            (_BEFORE, _AFTER, _CONFIDENCE),
        ),
        Endpoint(
            "stacks",
            stacks.stacks,
            stacks.Stacks,
            (OPERATION, COMPONENT, _limit("Calls", 20, stacks.MOST_CALLS)),
            private=True,
        ),
        Endpoint("profiles", profiles.profiles, profiles.Profiles, (OPERATION, COMPONENT)),
        Endpoint("profile", profiles.profile, profiles.ProfileDetail, (_ID,), private=True),
        *(
            Endpoint(
                f"profile.{kind}", write, bytes, (_ID,), private=True, content_type=content_type
            )
            for kind, write, content_type in (
                ("collapsed", profiles.collapsed, "text/plain; charset=utf-8"),
                ("speedscope", profiles.speedscope, JSON),
                ("svg", profiles.svg, "image/svg+xml; charset=utf-8"),
            )
        ),
        Endpoint("workers", workers.workers, workers.Workers),
        Endpoint("configuration", configuration.configuration, configuration.Configuration),
    )
}
"""The endpoints by their names."""
