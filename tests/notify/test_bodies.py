"""The forms in which services take messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.notify_alerts import START, firing, resolved
from support.receivers_at_once import Webhook
from support.webhook_sink import run_sink
from vitalspan.errors import ConfigurationError
from vitalspan.notify import Dispatcher, Notification, bodies
from vitalspan.notify.bodies import Body

HOSTILE = "<!channel> @everyone *b* [x](http://evil) `c` _i_ ~s~ & | \n\x00# head"

BODIES: dict[str, Body] = {
    "alertmanager": bodies.alertmanager,
    "slack": bodies.slack,
    "teams": bodies.teams,
    "discord": bodies.discord,
    "pagerduty": bodies.pagerduty("key"),
    "ntfy": bodies.ntfy("shop"),
}


def message(*alerts: Any, changed: Any = None) -> Notification:
    given = alerts or (firing(labels={"operation": "pay", "instance": "a:1"}),)
    return Notification("CheckoutSlow", given, changed or given, reminder=False, at=START)


def over() -> Notification:
    return message(resolved(firing(labels={"instance": "a:1"}), START + 5))


@pytest.mark.parametrize("name", BODIES)
def test_json_can_say_it(name: str) -> None:
    for one in (message(), over(), message(firing(annotations={"summary": HOSTILE}))):
        assert json.loads(json.dumps(BODIES[name](one), allow_nan=False))


def test_slack() -> None:
    body = bodies.slack(message(firing(annotations={"summary": HOSTILE})))
    assert body["text"] == "[FIRING:1] CheckoutSlow"
    (attachment,) = body["attachments"]
    assert attachment["color"] == "#e0a100"
    assert attachment["text"].startswith("warning: &lt;!channel&gt; @everyone")
    assert "<" not in attachment["text"]
    assert bodies.slack(over())["attachments"][0]["color"] == "#2f9e63"


def test_teams() -> None:
    body = bodies.teams(message())
    card = body["attachments"][0]["content"]
    assert card["type"] == "AdaptiveCard"
    assert [block["text"] for block in card["body"]] == [
        r"\[FIRING:1\] CheckoutSlow",
        r"warning: Checkout is slow \(operation=pay, instance=a:1\)",
    ]
    assert card["body"][0]["color"] == "warning"
    assert bodies.teams(over())["attachments"][0]["content"]["body"][0]["color"] == "good"


def test_discord_mentions_nobody() -> None:
    body = bodies.discord(message(firing(severity="odd", annotations={"summary": HOSTILE})))
    assert body["allowed_mentions"] == {"parse": []}
    description = body["embeds"][0]["description"]
    assert r"\<\!channel\> \@everyone \*b\* \[x\]\(http://evil\)" in description
    assert body["embeds"][0]["color"] == 0xD13B3B


def test_pagerduty_is_one_incident_a_group() -> None:
    body = bodies.pagerduty("key")
    trigger, resolve = body(message()), body(over())
    assert trigger["dedup_key"] == resolve["dedup_key"]
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["payload"]["severity"] == "warning"
    assert trigger["payload"]["source"] == "a:1"
    assert trigger["payload"]["summary"].startswith("[FIRING:1] CheckoutSlow: warning: Checkout")
    assert "payload" not in resolve
    elsewhere = message(firing(labels={"instance": "b:1"}))
    assert body(elsewhere)["dedup_key"] != trigger["dedup_key"]


def test_ntfy() -> None:
    body = bodies.ntfy("shop")(message(firing(severity="critical")))
    assert (body["topic"], body["priority"], body["tags"]) == ("shop", 5, ["rotating_light"])
    assert bodies.ntfy("shop")(over())["priority"] == 3


def test_what_changed_comes_first_and_the_rest_is_counted() -> None:
    alerts = tuple(firing(labels={"n": str(number)}) for number in range(12))
    lines = bodies.ntfy("shop")(message(*alerts, changed=alerts[11:]))["message"].splitlines()
    assert lines[0].endswith("(n=11)")
    assert lines[-1] == "and 2 more"


@settings(deadline=None)
@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3), st.sampled_from(list(BODIES)))
def test_any_text_can_be_said(summary: str, labels: dict[str, str], name: str) -> None:
    alert = firing(labels=labels, annotations={"summary": summary})
    body = BODIES[name](message(alert))
    assert json.dumps(body)
    if name != "alertmanager":
        assert "\x00" not in json.dumps(body)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: bodies.pagerduty(" "), "pagerduty: give the integration key"),
        (lambda: bodies.ntfy("a/b"), "ntfy: topic 'a/b'"),
        (lambda: Webhook("http://a", body="slack"), "body='slack'"),
    ],
)
def test_what_cannot_be(make: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        make()


def test_a_webhook_posts_its_body_with_the_labels_of_the_process() -> None:
    with run_sink() as sink:
        webhook = Webhook(sink.url, body=bodies.slack, external_labels={"instance": "a:1"})
        dispatcher = Dispatcher([webhook])
        try:
            dispatcher.tick([firing()], START, 5.0)
            (document,) = sink.wait_for(1)
        finally:
            dispatcher.close()
    assert "instance=a:1" in document["attachments"][0]["text"]
