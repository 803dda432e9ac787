"""Bodies of webhook requests, in the formats of various services.

Each function takes a `Notification` and returns the data to post as JSON. Pass one of them to a
webhook:

    Webhook("https://hooks.slack.example/services/...", body=bodies.slack)
    Webhook("https://events.pagerduty.com/v2/enqueue", body=bodies.pagerduty("routing key"))

Texts from alerts are escaped for each service, so that a label can neither mention people nor
format the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.notify.alert_identity import fingerprint
from vitalspan.notify.plans.grouped import Notification
from vitalspan.promql.matchers import quoted
from vitalspan.rules.alert import Alert
from vitalspan.rules.model import SEVERITIES
from vitalspan.timestamps import timestamp

Body = Callable[[Notification], Any]
"""Turns a message into the data to post as JSON."""

_ALERTMANAGER_VERSION: Final = "4"
_NOT_ENDED: Final = "0001-01-01T00:00:00Z"
_MAX_ALERTS: Final = 10
_MAX_LINE: Final = 300
_COLORS: Final = {"critical": 0xD13B3B, "error": 0xD13B3B, "warning": 0xE0A100, "info": 0x3274D9}
_RESOLVED_COLOR: Final = 0x2F9E63
_MARKDOWN: Final = re.compile(r"([\\`*_~|<>\[\]()#@!])")
_NTFY_PRIORITIES: Final = {"critical": 5, "error": 4, "warning": 4, "info": 3}


def alertmanager(
    message: Notification,
    *,
    receiver: str = "webhook",
    external_url: str = "",
    generator_url: str = "",
    max_alerts: int = 0,
) -> dict[str, Any]:
    """Return the payload of Alertmanager's own webhooks, version 4.

    Args:
        message: a message about a group of alerts.
        receiver: the name of the receiver.
        external_url: the URL of the sender's page.
        generator_url: the link of alerts without a URL of their own.
        max_alerts: the maximum number of alerts to list; 0 for no limit.
    """
    alerts = message.alerts[:max_alerts] if max_alerts else message.alerts
    return {
        "version": _ALERTMANAGER_VERSION,
        "groupKey": f"{{}}:{{alertname={quoted(message.alertname)}}}",
        "truncatedAlerts": len(message.alerts) - len(alerts),
        "status": message.status,
        "receiver": receiver,
        "groupLabels": {"alertname": message.alertname},
        "commonLabels": _common([alert.labels for alert in message.alerts]),
        "commonAnnotations": _common([alert.annotations for alert in message.alerts]),
        "externalURL": external_url,
        "alerts": [_alertmanager_alert(alert, generator_url) for alert in alerts],
    }


def slack(message: Notification) -> dict[str, Any]:
    """Return the body of a Slack incoming webhook; Mattermost and Rocket.Chat accept it as well."""
    escaped = [_slack_escaped(line) for line in _lines(message)]
    return {
        "text": _slack_escaped(title(message)),
        "attachments": [{"color": f"#{_color(message):06x}", "text": "\n".join(escaped)}],
    }


def teams(message: Notification) -> dict[str, Any]:
    """Return the body of a Microsoft Teams workflow: an adaptive card."""
    style = {"warning": "warning", "info": "accent"}.get(worst_severity(message), "attention")
    heading = {
        "type": "TextBlock",
        "text": _markdown_escaped(title(message)),
        "weight": "bolder",
        "color": "good" if message.status == "resolved" else style,
        "wrap": True,
    }
    lines = [
        {"type": "TextBlock", "text": _markdown_escaped(line), "wrap": True}
        for line in _lines(message)
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [heading, *lines],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def discord(message: Notification) -> dict[str, Any]:
    """Return the body of a Discord webhook, which mentions nobody, whatever the labels are."""
    embed = {
        "title": _markdown_escaped(title(message))[:256],
        "description": "\n".join(map(_markdown_escaped, _lines(message)))[:4096],
        "color": _color(message),
    }
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def pagerduty(routing_key: str) -> Body:
    """Return a body function for PagerDuty's Events API v2: one incident per group of alerts.

    Args:
        routing_key: the integration key of the service, which is a secret.

    Raises:
        ConfigurationError: for an empty key.
    """
    if not isinstance(routing_key, str) or not routing_key.strip():
        raise ConfigurationError("pagerduty: give the integration key of the service")

    def body(message: Notification) -> dict[str, Any]:
        labels = message.alerts[0].labels
        origin = {name: labels[name] for name in ("job", "instance") if name in labels}
        event: dict[str, Any] = {
            "routing_key": routing_key,
            "event_action": "resolve" if message.status == "resolved" else "trigger",
            "dedup_key": fingerprint({**origin, "alertname": message.alertname}),
        }
        if message.status == "firing":
            event["payload"] = {
                "summary": f"{title(message)}: {_lines(message)[0]}"[:1024],
                "source": labels.get("instance", "vitalspan"),
                "severity": worst_severity(message),
                "component": labels.get("component", ""),
                "class": message.alerts[0].type,
                "custom_details": {"alerts": _lines(message)},
            }
        return event

    return body


def ntfy(topic: str) -> Body:
    """Return a body function for ntfy, posted to the root of its server.

    Args:
        topic: the topic to publish to.

    Raises:
        ConfigurationError: for an invalid topic.
    """
    if not isinstance(topic, str) or not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", topic):
        raise ConfigurationError(
            f"ntfy: topic {topic!r:.80}: use 1 to 64 letters, digits, hyphens and underscores"
        )

    def body(message: Notification) -> dict[str, Any]:
        resolved = message.status == "resolved"
        return {
            "topic": topic,
            "title": title(message),
            "message": "\n".join(_lines(message)),
            "priority": 3 if resolved else _NTFY_PRIORITIES.get(worst_severity(message), 4),
            "tags": ["white_check_mark" if resolved else "rotating_light"],
        }

    return body


def title(message: Notification) -> str:
    """Return the title of a message: `[FIRING:2] CheckoutSlow`."""
    firing = sum(alert.state == "firing" for alert in message.alerts)
    state = f"[FIRING:{firing}]" if firing else "[RESOLVED]"
    return f"{state} {message.alertname}"


def worst_severity(message: Notification) -> str:
    """Return the worst severity of the firing alerts; `info` if there are none."""
    firing = [alert.severity for alert in message.alerts if alert.state == "firing"]
    ranks: dict[str, int] = {severity: rank for rank, severity in enumerate(SEVERITIES)}
    return max(firing, key=lambda severity: ranks.get(severity, 0), default="info")


def _lines(message: Notification) -> list[str]:
    """Return a line for each alert, the ones that caused the message first."""
    others = [alert for alert in message.alerts if alert not in message.changed]
    alerts = [*message.changed, *others]
    lines = [_line(alert) for alert in alerts[:_MAX_ALERTS]]
    if len(alerts) > _MAX_ALERTS:
        lines.append(f"and {len(alerts) - _MAX_ALERTS} more")
    return lines


def _line(alert: Alert) -> str:
    state = "resolved" if alert.state == "resolved" else alert.severity
    text = alert.annotations.get("summary") or alert.message or alert.alertname
    hidden = {"alertname", "severity"}
    labels = ", ".join(
        f"{name}={value}" for name, value in alert.labels.items() if name not in hidden
    )
    line = f"{state}: {text}" + (f" ({labels})" if labels else "")
    return "".join(char if char.isprintable() else " " for char in line[:_MAX_LINE])


def _color(message: Notification) -> int:
    if message.status == "resolved":
        return _RESOLVED_COLOR
    return _COLORS.get(worst_severity(message), _COLORS["error"])


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown_escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _alertmanager_alert(alert: Alert, generator_url: str) -> dict[str, Any]:
    labels = {name: value for name, value in alert.labels.items() if value}
    return {
        "status": "resolved" if alert.state == "resolved" else "firing",
        "labels": labels,
        "annotations": dict(alert.annotations),
        "startsAt": timestamp(alert.active_at if alert.fired_at is None else alert.fired_at),
        "endsAt": _NOT_ENDED if alert.resolved_at is None else timestamp(alert.resolved_at),
        "generatorURL": alert.generator_url or generator_url,
        "fingerprint": fingerprint(labels),
    }


def _common(mappings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the entries that all mappings share."""
    first, *others = mappings
    return {
        name: value
        for name, value in first.items()
        if value and all(other.get(name) == value for other in others)
    }
