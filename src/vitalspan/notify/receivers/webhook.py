"""A receiver that posts alerts to a URL, in Alertmanager's format or another one."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import replace

from vitalspan.argument_checks import check_whole
from vitalspan.errors import ConfigurationError
from vitalspan.http_client.target import HttpTarget, shown
from vitalspan.notify.bodies import Body, alertmanager
from vitalspan.notify.json_client import JsonClient
from vitalspan.notify.plans.grouped import GroupPlan, Notification, group_timing
from vitalspan.notify.receiver import Endpoint
from vitalspan.resource import ExternalLabels
from vitalspan.rules.alert import Alert


class Webhook:
    """A receiver that posts messages about groups of alerts to a URL.

    Args:
        url: the URL to post to; a user and a password in it become basic authentication.
        timeout: the maximum number of seconds of each wait for the network.
        group_wait: seconds from the first alert of a group to its first message.
        group_interval: the minimum number of seconds between two messages of a group.
        reminder: seconds after which alerts that are still firing are sent again; None for never.
        send_resolved: whether the end of alerts is sent.
        headers: headers of each request, for example `Authorization`.
        basic_auth: a user and a password.
        tls: your own context, to trust another authority or to present a certificate.
        proxy: the `http://` URL of a proxy for the requests.
        body: a function that turns the `Notification` into the data to post as JSON: one of
            `vitalspan.notify.bodies` or your own. None is Alertmanager's webhook payload, version
            4.
        external_labels: labels that are added to every alert without a label of that name, in
            addition to `job` and `instance`, which distinguish the alerts of several processes.
            Those come from OTEL_SERVICE_NAME and `service.instance.id`; an empty value removes one.
        external_url: the `externalURL` of the payload.
        generator_url: the link of alerts without a URL of their own.
        max_alerts: the maximum number of alerts in one message, 0 for no limit; the rest is counted
            in `truncatedAlerts`.
        name: its name in metrics, logs and the payload.

    Raises:
        ConfigurationError: for an invalid argument.
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
    """The URL to post messages to."""

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
        """Make a running request fail."""
        self._client.abort()


def with_labels(message: Notification, labels: Mapping[str, str]) -> Notification:
    """Return a message whose alerts also have these labels, unless they have their own."""

    def labelled(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
        return tuple(replace(alert, labels={**labels, **alert.labels}) for alert in alerts)

    return replace(message, alerts=labelled(message.alerts), changed=labelled(message.changed))
