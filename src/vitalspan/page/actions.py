"""The changes that the API can make: alerts are acknowledged and silenced, with a token.

A website can make the browser of a visitor send requests here, with the password that the
browser remembers. It cannot read the token or send custom headers without a preflight request, and
browsers name the site that a request comes from.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from vitalspan.page.api import Answer, monitor_of, problem
from vitalspan.page.json_document import dump
from vitalspan.page.parameters import (
    BadRequestError,
    NumberParameter,
    Parameter,
    parse_query,
)
from vitalspan.runtime import fork

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor
    from vitalspan.rules.alert import Alert

TOKEN_HEADER: Final = "x-vitalspan-token"  # noqa: S105 - the name of a header

LONGEST_SILENCE: Final = 30 * 86400.0


@dataclass(frozen=True)
class Token:
    """The token that changes need.

    Attributes:
        token: the required value of the header `X-Vitalspan-Token`; None if nothing can be changed,
            because the server has neither users nor client certificates.
    """

    token: str | None


@dataclass(frozen=True)
class Done:
    """The result of a change.

    Attributes:
        done: false if there is no such alert or silence.
        text: a description of what was done.
    """

    done: bool
    text: str


class _Secret:
    """The token of this process."""

    def __init__(self) -> None:
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Replace the token, in a forked child."""
        self.token = secrets.token_urlsafe(24)


_secret: Final = _Secret()


def current_token() -> str:
    """Return the token that changes need."""
    return _secret.token


@dataclass(frozen=True)
class Action:
    """A change that the API can make.

    Attributes:
        name: the part of the path after `/api/v1/`.
        act: makes the change, given a monitor and the values of the parameters.
        parameters: its parameters.
    """

    name: str
    act: Callable[[Monitor, dict[str, Any]], Done]
    parameters: tuple[Parameter, ...]

    @property
    def summary(self) -> str:
        """A summary in one sentence."""
        return (self.act.__doc__ or "").split("\n")[0]


def acknowledge(monitor: Monitor, asked: dict[str, Any]) -> Done:
    """Acknowledge an alert, so that no reminders of it are sent."""
    done = monitor.alerts.acknowledge(asked["alert"])
    return Done(done, "The alert is acknowledged." if done else "There is no such alert any more.")


def silence(monitor: Monitor, asked: dict[str, Any]) -> Done:
    """Silence an alert for all receivers for a while, whatever its severity becomes."""
    alert = _alert_of(monitor, asked["alert"])
    if alert is None:
        return Done(done=False, text="There is no such alert any more.")
    where = {
        label: f"={value}" for label, value in alert.labels.items() if value and label != "severity"
    }
    monitor.alerts.silence(where, asked["seconds"], asked["comment"] or "")
    return Done(done=True, text="The alert is silenced.")


def unsilence(monitor: Monitor, asked: dict[str, Any]) -> Done:
    """End a silence."""
    done = monitor.alerts.unsilence(asked["silence"])
    return Done(done, "The silence has ended." if done else "There is no such silence any more.")


def _alert_of(monitor: Monitor, alert: str) -> Alert | None:
    return next((one for one in monitor.alerts.active() if one.id == alert), None)


_ALERT: Final = Parameter("alert", "The id of an active alert.", required=True)

ACTIONS: Final = {
    one.name: one
    for one in (
        Action("acknowledge", acknowledge, (_ALERT,)),
        Action(
            "silence",
            silence,
            (
                _ALERT,
                NumberParameter(
                    "seconds",
                    "For how long.",
                    default="3600",
                    least=1,
                    most=LONGEST_SILENCE,
                ),
                Parameter("comment", "Why."),
            ),
        ),
        Action(
            "unsilence",
            unsilence,
            (
                NumberParameter(
                    "silence",
                    "The id of a silence.",
                    required=True,
                    least=1,
                    most=2**53,
                    whole=True,
                ),
            ),
        ),
    )
}
"""The actions by name."""


def change(name: str, query: str, headers: Mapping[str, str], registry: object) -> Answer:
    """Return the answer to a `POST` request from somebody who may make changes.

    Args:
        name: the part of its path after `/api/v1/`.
        query: its query string, still encoded; the body is not read.
        headers: the headers by lower-case names.
        registry: the registry of the monitor to change.
    """
    refused = _refusal(headers)
    if refused:
        return problem(HTTPStatus.FORBIDDEN, refused)
    action = ACTIONS.get(name)
    if action is None:
        return problem(HTTPStatus.NOT_FOUND, f"nothing to do here: there are {', '.join(ACTIONS)}")
    monitor = monitor_of(registry)
    if monitor is None:
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "there is no monitor in this registry yet")
    try:
        return Answer(
            HTTPStatus.OK, dump(action.act(monitor, parse_query(query, action.parameters)))
        )
    except (BadRequestError, ValueError) as mistake:
        return problem(HTTPStatus.BAD_REQUEST, str(mistake))


def _refusal(headers: Mapping[str, str]) -> str:
    """Return why a request may come from another site; empty if it does not."""
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return "this request comes from another site"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return "this request comes from another origin"
    given = headers.get(TOKEN_HEADER, "")
    if not hmac.compare_digest(given.encode(), current_token().encode()):
        return "the header X-Vitalspan-Token is not the token of /api/v1/token"
    return ""
