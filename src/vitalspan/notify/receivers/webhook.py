"""A receiver that posts alerts to a URL, as Alertmanager does or in a form of its own."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import replace

from vitalspan.checks import check_whole
from vitalspan.errors import ConfigurationError
from vitalspan.http_target import HttpTarget, shown
from vitalspan.notify.bodies import Body, alertmanager
from vitalspan.notify.json_client import JsonClient
from vitalspan.notify.plans.grouped import GroupPlan, Notification, group_timing
from vitalspan.notify.receiver import Endpoint
from vitalspan.resource import ExternalLabels
from vitalspan.rules.alert import Alert


class Webhook:
    """A receiver that posts messages about groups of alerts to a URL.

    Args:
        url: where to post; a user and a password in it become basic authentication.
        timeout: seconds that each wait for the network takes at most.
        group_wait: seconds from the first alert of a group to its first message.
        group_interval: seconds from one message of a group to the next at least.
        reminder: seconds after which alerts that go on firing are sent again; None for never.
        send_resolved: whether the end of alerts is sent.
        headers: sent with each request, `Authorization` for example.
        basic_auth: a user and a password.
        tls: a context of one's own, to trust another authority or to show a certificate.
        proxy: the `http://` URL of a proxy that requests go through.
        body: what is posted as JSON, a function of the `Notification`: one of
            `vitalspan.notify.bodies` or one of your own. None is the payload that Alertmanager
            posts to webhooks, version 4.
        external_labels: added to every alert that has none of that name, beside `job` and
            `instance`, by which the alerts of several processes are told apart. They come from
            OTEL_SERVICE_NAME and `service.instance.id`; an empty value leaves one out.
        external_url: the payload's `externalURL`.
        generator_url: where an alert that has no URL of its own leads to.
        max_alerts: alerts in one message at most, 0 for any number; the rest is counted in
            `truncatedAlerts`.
        name: its name in metrics, logs and the payload.

    Raises:
        ConfigurationError: for an argument that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 10.0,
        group_wait: float = 30.0,
        group_interval: float = 300.0,
        reminder: float | None = None,
        send_resolved: bool = True,
        headers: Mapping[str, str] | None = None,
        basic_auth: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        body: Body | None = None,
        external_labels: Mapping[str, str] | None = None,
        external_url: str = "",
        generator_url: str = "",
        max_alerts: int = 0,
        name: str = "webhook",
    ) -> None:
        check_whole("Webhook: max_alerts", max_alerts, 0)
        if body is not None and not callable(body):
            raise ConfigurationError(
                f"Webhook: body={body!r:.80}: use one of vitalspan.notify.bodies or a function"
            )
        self.name = name
        self.body = body
        self.external_labels = ExternalLabels("Webhook", external_labels)
        self.timing = group_timing("Webhook", group_wait, group_interval, reminder)
        self.send_resolved = send_resolved
        self.external_url = external_url
        self.generator_url = generator_url
        self.max_alerts = max_alerts
        self.target = HttpTarget(
            "Webhook",
            url,
            headers=headers,
            basic_auth=basic_auth,
            timeout=timeout,
            tls=tls,
            proxy=proxy,
        )
        self._shown = shown(url)

    def endpoints(self) -> list[WebhookEndpoint]:
        """Return its endpoint."""
        return [WebhookEndpoint(self)]

    def __repr__(self) -> str:
        return f"Webhook({self._shown!r})"


class WebhookEndpoint(Endpoint[Notification]):
    """The URL that messages are posted to."""

    def __init__(self, webhook: Webhook) -> None:
        self.timeout = webhook.target.timeout
        self._webhook = webhook
        self._client = JsonClient(webhook.target)

    def plan(self) -> GroupPlan:
        """Return a new plan, for a receiver that was sent nothing yet."""
        return GroupPlan(self._webhook.timing, send_resolved=self._webhook.send_resolved)

    def deliver(self, message: Notification, receiver: str) -> None:
        """Post a message."""
        webhook = self._webhook
        labelled = with_labels(message, webhook.external_labels.current())
        if webhook.body is not None:
            document = webhook.body(labelled)
        else:
            document = alertmanager(
                labelled,
                receiver=receiver,
                external_url=webhook.external_url,
                generator_url=webhook.generator_url,
                max_alerts=webhook.max_alerts,
            )
        self._client.post(document, message.at)

    def abort(self) -> None:
        """Make a request that is under way fail."""
        self._client.abort()


def with_labels(message: Notification, labels: Mapping[str, str]) -> Notification:
    """Return a message whose alerts have these labels as well, unless they have their own."""

    def labelled(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
        return tuple(replace(alert, labels={**labels, **alert.labels}) for alert in alerts)

    return replace(message, alerts=labelled(message.alerts), changed=labelled(message.changed))
