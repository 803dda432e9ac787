"""A receiver that sends alerts and silences to Alertmanager, with version 2 of its API."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from vitalspan.argument_checks import seconds_above_0
from vitalspan.errors import ConfigurationError
from vitalspan.http_client.target import HttpTarget, shown
from vitalspan.notify.json_client import JsonClient
from vitalspan.notify.plans.resend import Batch, ResendPlan, SilenceChange
from vitalspan.notify.receiver import Endpoint
from vitalspan.promql.matchers import Matcher
from vitalspan.resource import ExternalLabels
from vitalspan.rules.alert import Alert
from vitalspan.rules.silences import Silence
from vitalspan.timestamps import timestamp

_ALERTS: Final = "/api/v2/alerts"
_SILENCES: Final = "/api/v2/silences"
_SILENCE: Final = "/api/v2/silence"


class Alertmanager:
    """A receiver for one Alertmanager, or for the members of a cluster, which all get everything.

    Args:
        urls: the URL of each server, `http://alertmanager:9093`, with its path prefix if it has
            one.
        timeout: the maximum number of seconds of each wait for the network.
        resend: seconds after which a firing or resolved alert is sent again.
        generator_url: the link of alerts without a URL of their own.
        headers: headers of each request.
        basic_auth: a user and a password, which may also be in the URL.
        tls: your own context, to trust another authority or to present a certificate.
        proxy: the `http://` URL of a proxy for the requests.
        external_labels: labels that are added to every alert without a label of that name, in
            addition to `job` and `instance`, which distinguish the alerts of several processes.
            Those come from OTEL_SERVICE_NAME and `service.instance.id`; an empty value removes one.
        name: its name in metrics and logs.

    Raises:
        ConfigurationError: for an invalid argument.
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
        proxy: str | None = None,
        external_labels: Mapping[str, str] | None = None,
        name: str = "alertmanager",
    ) -> None:
        if not urls:
            raise ConfigurationError(
                "Alertmanager: give at least one URL, such as http://host:9093"
            )
        self.name = name
        self._urls = urls
        self.resend = seconds_above_0("Alertmanager: resend", resend)
        self.generator_url = generator_url
        self.external_labels = ExternalLabels("Alertmanager", external_labels)
        self._targets = [
            HttpTarget(
                "Alertmanager",
                url,
                path=_ALERTS,
                headers=headers,
                basic_auth=basic_auth,
                timeout=timeout,
                tls=tls,
                proxy=proxy,
            )
            for url in urls
        ]

    def endpoints(self) -> list[AlertmanagerEndpoint]:
        """Return an endpoint for each server."""
        return [AlertmanagerEndpoint(self, target) for target in self._targets]

    def __repr__(self) -> str:
        return f"Alertmanager({', '.join(repr(shown(url)) for url in self._urls)})"


class AlertmanagerEndpoint(Endpoint[Batch | SilenceChange]):
    """A server of an Alertmanager."""

    def __init__(self, alertmanager: Alertmanager, target: HttpTarget) -> None:
        self.timeout = target.timeout
        self._alertmanager = alertmanager
        self._client = JsonClient(target, explain=True)
        self._silence_ids: dict[int, str] = {}

    def plan(self) -> ResendPlan:
        """Return a new plan, for a server that was sent nothing yet."""
        return ResendPlan(self._alertmanager.resend)

    def deliver(self, message: Batch | SilenceChange, receiver: str) -> None:  # noqa: ARG002
        """Post a batch of alerts, or create or end a silence."""
        labels, url = self._alertmanager.external_labels.current(), self._alertmanager.generator_url
        if isinstance(message, Batch):
            until = message.valid_until
            alerts = [postable(alert, until, url, labels) for alert in message.alerts]
            self._client.post(alerts, message.at, path=_ALERTS)
        elif message.ended:
            self._end_silence(message)
        else:
            body = self._client.post(
                postable_silence(message.silence, message.at, labels), message.at, path=_SILENCES
            )
            self._silence_ids[message.silence.id] = _silence_id(body)

    def abort(self) -> None:
        """Make a running request fail."""
        self._client.abort()

    def _end_silence(self, message: SilenceChange) -> None:
        known_as = self._silence_ids.get(message.silence.id)
        if known_as:
            self._client.delete(message.at, path=f"{_SILENCE}/{quote(known_as, safe='')}")
        self._silence_ids.pop(message.silence.id, None)


def postable(
    alert: Alert,
    valid_until: float,
    generator_url: str,
    external_labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return an alert in the format of the API.

    Args:
        alert: a firing or resolved alert.
        valid_until: when a firing one counts as resolved unless it is sent again, in Unix seconds.
        generator_url: its link, unless it has its own.
        external_labels: labels to add, unless the alert has labels with these names.
    """
    ends = valid_until if alert.resolved_at is None else alert.resolved_at
    # A clock that was set back may have ended an alert before it began, which would be rejected.
    starts = min(alert.active_at if alert.fired_at is None else alert.fired_at, ends)
    document: dict[str, Any] = {
        "labels": outgoing_labels(alert, external_labels or {}),
        "annotations": dict(alert.annotations),
        "startsAt": timestamp(starts),
        "endsAt": timestamp(ends),
    }
    url = alert.generator_url or generator_url
    return {**document, "generatorURL": url} if url else document


def outgoing_labels(alert: Alert, external_labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that an alert has outside of the process."""
    own = {name: value for name, value in alert.labels.items() if value}
    return {**external_labels, **own}


def postable_silence(
    silence: Silence, now: float, external_labels: Mapping[str, str]
) -> dict[str, Any]:
    """Return a silence in the format of the API, limited to the alerts of this process.

    Args:
        silence: a silence of the monitor.
        now: when it begins, in Unix seconds.
        external_labels: the labels that distinguish this process from others.
    """
    named = {matcher.label for matcher in silence.where}
    own = [Matcher(name, "=", value) for name, value in external_labels.items()]
    matchers = [*silence.where, *(matcher for matcher in own if matcher.label not in named)]
    return {
        "matchers": [
            {
                "name": matcher.label,
                "value": matcher.value,
                "isRegex": matcher.operator in ("=~", "!~"),
                "isEqual": matcher.operator in ("=", "=~"),
            }
            for matcher in matchers
        ],
        "startsAt": timestamp(now),
        "endsAt": timestamp(silence.until),
        "createdBy": "vitalspan",
        "comment": silence.comment,
    }


def _silence_id(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    identifier = document.get("silenceID") if isinstance(document, dict) else None
    return identifier if isinstance(identifier, str) else ""
