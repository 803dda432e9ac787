"""Telling Alertmanager, by version 2 of its API."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.notify.post import Poster
from vitalspan.notify.receiver import Outlet
from vitalspan.notify.resending import Batch, ResendPlan
from vitalspan.notify.target import Target, seconds, shown
from vitalspan.rules.alert import Alert

_PATH: Final = "/api/v2/alerts"


class Alertmanager:
    """One Alertmanager or the members of a cluster: each is told everything, on its own.

    Args:
        urls: of each server, `http://alertmanager:9093`, with its path prefix if it has one.
        timeout: seconds that each wait for the network takes at most.
        resend: seconds after which an alert that fires, or is over, is sent again.
        generator_url: where an alert that has no URL of its own leads to.
        headers: sent with each request.
        basic_auth: a user and a password; they may also stand in the URL.
        tls: a context of one's own, to trust another authority or to show a certificate.
        name: by which it is known in metrics and logs.

    Raises:
        ConfigurationError: for what cannot be.
    """

    def __init__(
        self,
        *urls: str,
        timeout: float = 10.0,
        resend: float = 60.0,
        generator_url: str = "",
        headers: Mapping[str, str] | None = None,
        basic_auth: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        name: str = "alertmanager",
    ) -> None:
        if not urls:
            raise ConfigurationError("Alertmanager: give at least one URL, http://host:9093")
        self.name = name
        self._urls = urls
        self._resend = seconds("Alertmanager", "resend", resend)
        self._generator_url = generator_url
        self._targets = [
            Target(
                "Alertmanager",
                url,
                path=_PATH,
                headers=headers,
                basic_auth=basic_auth,
                timeout=timeout,
                tls=tls,
            )
            for url in urls
        ]

    def outlets(self) -> list[AlertmanagerOutlet]:
        """Return an outlet for each server."""
        return [
            AlertmanagerOutlet(target, self._resend, self._generator_url)
            for target in self._targets
        ]

    def __repr__(self) -> str:
        return f"Alertmanager({', '.join(repr(shown(url)) for url in self._urls)})"


class AlertmanagerOutlet(Outlet[Batch]):
    """One server."""

    def __init__(self, target: Target, resend: float, generator_url: str) -> None:
        self.timeout = target.timeout
        self._resend = resend
        self._generator_url = generator_url
        self._poster = Poster(target, explain=True)

    def plan(self) -> ResendPlan:
        """Return a new plan: nothing has been sent."""
        return ResendPlan(self._resend)

    def deliver(self, message: Batch, receiver: str) -> None:  # noqa: ARG002 - it has no names
        """Post a batch."""
        document = [
            postable(alert, message.valid_until, self._generator_url) for alert in message.alerts
        ]
        self._poster.post(document, message.at)

    def abort(self) -> None:
        """Make a request that is under way fail."""
        self._poster.abort()


def postable(alert: Alert, valid_until: float, generator_url: str) -> dict[str, Any]:
    """Return an alert as the API takes it.

    Args:
        alert: firing or resolved.
        valid_until: when it counts as over if it fires and is not sent again, in Unix seconds.
        generator_url: where it leads to, unless it says so itself.
    """
    ends = valid_until if alert.resolved_at is None else alert.resolved_at
    # A clock that was set back may have ended an alert before it began, which is refused.
    starts = min(alert.active_at if alert.fired_at is None else alert.fired_at, ends)
    said: dict[str, Any] = {
        "labels": {name: value for name, value in alert.labels.items() if value},
        "annotations": dict(alert.annotations),
        "startsAt": timestamp(starts),
        "endsAt": timestamp(ends),
    }
    url = alert.generator_url or generator_url
    return {**said, "generatorURL": url} if url else said


def timestamp(moment: float) -> str:
    """Return Unix seconds as RFC 3339 writes them, to the millisecond."""
    text = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
