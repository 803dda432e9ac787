"""Telling a webhook, in the words that Alertmanager's webhooks have: payload version 4."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.notify.alertmanager import timestamp
from vitalspan.notify.grouping import GroupPlan, Notification
from vitalspan.notify.identity import fingerprint
from vitalspan.notify.post import Poster
from vitalspan.notify.receiver import Outlet
from vitalspan.notify.target import Target, seconds, shown
from vitalspan.rules.alert import Alert
from vitalspan.signals.matching import quoted

_VERSION: Final = "4"
_NOT_ENDED: Final = "0001-01-01T00:00:00Z"


class Webhook:
    """A URL that is posted a message for each change of a group of alerts.

    Args:
        url: where to post; a user and a password in it become basic authentication.
        timeout: seconds that each wait for the network takes at most.
        reminder: seconds after which alerts that fire on are told again; None for never.
        send_resolved: whether the end of alerts is told.
        headers: sent with each request, `Authorization` for example.
        basic_auth: a user and a password.
        tls: a context of one's own, to trust another authority or to show a certificate.
        external_url: the payload's `externalURL`.
        generator_url: where an alert that has no URL of its own leads to.
        max_alerts: alerts in one message at most, 0 for any number; the rest is counted in
            `truncatedAlerts`.
        name: by which it is known in metrics, logs and the payload.

    Raises:
        ConfigurationError: for what cannot be.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 10.0,
        reminder: float | None = None,
        send_resolved: bool = True,
        headers: Mapping[str, str] | None = None,
        basic_auth: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        external_url: str = "",
        generator_url: str = "",
        max_alerts: int = 0,
        name: str = "webhook",
    ) -> None:
        if isinstance(max_alerts, bool) or not isinstance(max_alerts, int) or max_alerts < 0:
            raise ConfigurationError(f"Webhook: max_alerts={max_alerts!r:.80}: give 0 or more")
        if reminder is not None:
            reminder = seconds("Webhook", "reminder", reminder)
        self.name = name
        self.reminder = reminder
        self.send_resolved = send_resolved
        self.external_url = external_url
        self.generator_url = generator_url
        self.max_alerts = max_alerts
        self.target = Target(
            "Webhook", url, headers=headers, basic_auth=basic_auth, timeout=timeout, tls=tls
        )
        self._shown = shown(url)

    def outlets(self) -> list[WebhookOutlet]:
        """Return an outlet."""
        return [WebhookOutlet(self)]

    def __repr__(self) -> str:
        return f"Webhook({self._shown!r})"


class WebhookOutlet(Outlet[Notification]):
    """A webhook that is posted to."""

    def __init__(self, webhook: Webhook) -> None:
        self.timeout = webhook.target.timeout
        self._webhook = webhook
        self._poster = Poster(webhook.target)

    def plan(self) -> GroupPlan:
        """Return a new plan: nothing has been told."""
        return GroupPlan(self._webhook.reminder, send_resolved=self._webhook.send_resolved)

    def deliver(self, message: Notification, receiver: str) -> None:
        """Post a message."""
        webhook = self._webhook
        document = payload(
            message,
            receiver,
            external_url=webhook.external_url,
            generator_url=webhook.generator_url,
            max_alerts=webhook.max_alerts,
        )
        self._poster.post(document, message.at)

    def abort(self) -> None:
        """Make a request that is under way fail."""
        self._poster.abort()


def payload(
    message: Notification,
    receiver: str,
    *,
    external_url: str = "",
    generator_url: str = "",
    max_alerts: int = 0,
) -> dict[str, Any]:
    """Return a message as Alertmanager posts one to a webhook.

    Args:
        message: what is told.
        receiver: the name of the receiver.
        external_url: where the sender's page is.
        generator_url: where an alert that has no URL of its own leads to.
        max_alerts: alerts that are listed at most, 0 for any number.
    """
    labels = [alert.labels for alert in message.alerts]
    listed = message.alerts[:max_alerts] if max_alerts else message.alerts
    return {
        "version": _VERSION,
        "groupKey": f"{{}}:{{alertname={quoted(message.alertname)}}}",
        "truncatedAlerts": len(message.alerts) - len(listed),
        "status": message.status,
        "receiver": receiver,
        "groupLabels": {"alertname": message.alertname},
        "commonLabels": _common(labels),
        "commonAnnotations": _common([alert.annotations for alert in message.alerts]),
        "externalURL": external_url,
        "alerts": [_told(alert, generator_url) for alert in listed],
    }


def _told(alert: Alert, generator_url: str) -> dict[str, Any]:
    over = alert.state == "resolved"
    labels = {name: value for name, value in alert.labels.items() if value}
    return {
        "status": "resolved" if over else "firing",
        "labels": labels,
        "annotations": dict(alert.annotations),
        "startsAt": timestamp(alert.active_at if alert.fired_at is None else alert.fired_at),
        "endsAt": _NOT_ENDED if alert.resolved_at is None else timestamp(alert.resolved_at),
        "generatorURL": alert.generator_url or generator_url,
        "fingerprint": fingerprint(labels),
    }


def _common(mappings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what is the same in all."""
    first, *others = mappings
    return {
        name: value
        for name, value in first.items()
        if value and all(other.get(name) == value for other in others)
    }
