"""A real Alertmanager is told, groups, resolves, and may be away; and webhooks hear the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.alertmanager_server import AlertmanagerServer, run_alertmanager
from support.notify_alerts import firing, graded, resolved
from support.receivers_at_once import Alertmanager, Webhook
from support.waiting import wait_until
from support.webhook_sink import WebhookSink, run_hanging, run_sink
from vitalspan import notify
from vitalspan.clock import ManualClock
from vitalspan.notify import Dispatcher, Retry
from vitalspan.notify.alert_identity import fingerprint
from vitalspan.rules.alert import Alert
from vitalspan.rules.silences import Silences

pytestmark = pytest.mark.prometheus2


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    with run_sink() as sink:
        yield sink


@pytest.fixture
def server(tmp_path: Path, sink: WebhookSink) -> Iterator[AlertmanagerServer]:
    with run_alertmanager(tmp_path, sink.url) as server:
        yield server


def shop_alerts(now: float) -> list[Alert]:
    """Three alerts of two names, with labels that are not plain."""
    shop = firing(labels={"operation": 'a"b\\c\né😀', "team": "payments"}, at=now - 30)
    back = firing(labels={"operation": "back", "team": "payments"}, at=now - 20)
    annotations = {"summary": "The queue is long", "runbook_url": "https://shop.example/queue"}
    queue = firing("QueueLong", "critical", at=now - 10, annotations=annotations)
    return [replace(one, generator_url="https://shop.example/rules") for one in (shop, back, queue)]


def active(server: AlertmanagerServer) -> set[tuple[str, str]]:
    return {(one["labels"]["alertname"], one["labels"]["severity"]) for one in server.alerts()}


def test_alerts_arrive_are_grouped_and_end(server: AlertmanagerServer, sink: WebhookSink) -> None:
    now = time.time()
    shop, back, queue = shop_alerts(now)
    dispatcher = Dispatcher([Alertmanager(server.url)])
    try:
        dispatcher.tick([shop, back, queue], now, 5.0)
        wait_until(lambda: len(server.alerts()) == 3)
        held = {one["labels"].get("operation", ""): one for one in server.alerts()}
        assert held["back"]["labels"] == dict(back.labels)
        assert held['a"b\\c\né😀']["fingerprint"] == fingerprint(shop.labels)
        assert held[""]["annotations"] == dict(queue.annotations)
        assert held[""]["generatorURL"] == "https://shop.example/rules"
        groups = {one["labels"]["alertname"]: len(one["alerts"]) for one in server.groups()}
        assert groups == {"CheckoutSlow": 2, "QueueLong": 1}
        told = {one["groupLabels"]["alertname"]: one for one in sink.wait_for(2)}
        assert told["QueueLong"]["status"] == "firing"

        # Alertmanager lets an end that is still to come, by its clock, wait.
        later = time.time()
        over = [resolved(back, later), resolved(queue, later)]
        dispatcher.tick([graded(shop, "critical"), *over], later, 5.0)
        wait_until(lambda: active(server) == {("CheckoutSlow", "critical")})
        wait_until(lambda: told_states(sink)["QueueLong"] == "resolved")
        wait_until(lambda: severities(sink, shop) == {"warning": "resolved", "critical": "firing"})
    finally:
        dispatcher.close()
    assert dispatcher.snapshot()[0].results["failed"] == 0


def severities(sink: WebhookSink, alert: Alert) -> dict[str, str]:
    """The status of an alert's operation at each severity, as it was told last."""
    return {
        one["labels"]["severity"]: one["status"]
        for document in sink.documents()
        for one in document["alerts"]
        if one["labels"].get("operation") == alert.labels["operation"]
    }


def told_states(sink: WebhookSink) -> dict[str, str]:
    """The status of each group, as it was told last."""
    return {one["groupLabels"]["alertname"]: one["status"] for one in sink.documents()}


def test_being_away_loses_no_state(
    server: AlertmanagerServer, sink: WebhookSink, clock: ManualClock
) -> None:
    """It is stopped while one alert ends, one fires and one does both, and started again."""
    receiver = Alertmanager(server.url)
    dispatcher = Dispatcher(
        [receiver], clock, retry=Retry(attempts=1), wait=lambda event, seconds: event.is_set()
    )
    now = time.time()
    before, during, brief = firing("Before"), firing("During"), firing("Brief")

    def tick(*alerts: Alert) -> None:
        # Half a minute on the clock of the circuit, no time for Alertmanager.
        clock.advance(30)
        dispatcher.tick(alerts, time.time(), 1.0)

    try:
        tick(before)
        wait_until(lambda: active(server) == {("Before", "warning")})
        wait_until(lambda: told_states(sink) == {"Before": "firing"})
        wait_until(lambda: server.flushes() >= 2)
        server.stop()
        tick(before, brief, during)
        wait_until(lambda: dispatcher.snapshot()[0].results["failed"] == 1)
        over = [resolved(before, now), resolved(brief, now)]
        for failed in (2, 3, 4):
            tick(during, *over)
            wait_until(lambda n=failed: dispatcher.snapshot()[0].results["failed"] == n)  # type: ignore[misc]
        assert dispatcher.snapshot()[0].circuit == "open"
        server.start()
        wait_until(lambda: tick(during, *over) or active(server) == {("During", "warning")})
        wait_until(lambda: told_states(sink) == {"Before": "resolved", "During": "firing"})
        assert dispatcher.snapshot()[0].circuit == "closed"
    finally:
        dispatcher.close()


def test_each_server_is_told_and_one_that_hangs_delays_none(
    tmp_path: Path, clock: ManualClock
) -> None:
    with run_alertmanager(tmp_path) as server, run_hanging() as hanging:
        now = time.time()
        dispatcher = Dispatcher([Alertmanager(hanging, server.url)], clock)
        try:
            dispatcher.tick([firing()], now, 5.0)
            wait_until(lambda: active(server) == {("CheckoutSlow", "warning")})
            dispatcher.tick([resolved(firing(), now)], time.time(), 5.0)
            wait_until(lambda: active(server) == set())
            wait_until(lambda: [one.results["sent"] for one in dispatcher.snapshot()] == [0, 2])
            assert [one.name for one in dispatcher.snapshot()] == ["alertmanager", "alertmanager-2"]
        finally:
            dispatcher.close(0.01)


def test_what_it_refuses_is_explained(
    server: AlertmanagerServer, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher = Dispatcher([Alertmanager(server.url)])
    try:
        # Alertmanager takes any name in UTF-8 since 0.27; no version takes an empty one.
        dispatcher.tick([firing(labels={"": "x"}), firing("Good")], time.time(), 5.0)
        wait_until(lambda: dispatcher.snapshot()[0].results["rejected"] == 1)
        # What was right in the same batch is taken.
        wait_until(lambda: active(server) == {("Good", "warning")})
    finally:
        dispatcher.close()
    assert "answered 400" in caplog.text
    assert "label" in caplog.text or "name" in caplog.text


def test_processes_of_one_service_end_their_own_alerts_alone(server: AlertmanagerServer) -> None:
    now = time.time()
    receivers = [
        notify.Alertmanager(server.url, external_labels={"job": "shop", "instance": instance})
        for instance in ("a:1", "b:2")
    ]
    dispatchers = [Dispatcher([receiver]) for receiver in receivers]

    def instances() -> set[str]:
        return {one["labels"]["instance"] for one in server.alerts()}

    try:
        for dispatcher in dispatchers:
            dispatcher.tick([firing()], now, 5.0)
        wait_until(lambda: instances() == {"a:1", "b:2"})
        dispatchers[0].tick([resolved(firing(), now)], time.time(), 5.0)
        wait_until(lambda: instances() == {"b:2"})
    finally:
        for dispatcher in dispatchers:
            dispatcher.close()


def test_a_silence_is_made_there_and_ended_with_ours(server: AlertmanagerServer) -> None:
    dispatcher = Dispatcher([Alertmanager(server.url)])
    silences = Silences()
    silence = silences.add({"alertname": "=~Checkout.*"}, time.time() + 600, "a release")

    def states() -> list[str]:
        return [one["status"]["state"] for one in server.alerts()]

    def tick(*alerts: Alert) -> None:
        now = time.time()
        dispatcher.tick(alerts, now, 5.0, silences.active(now))

    try:
        tick(replace(firing(), silenced_until=silence.until))
        wait_until(lambda: states() == ["suppressed"])
        (made,) = server.silences()
        assert made["comment"] == "a release"
        assert made["status"]["state"] == "active"
        silences.remove(silence.id)
        tick(firing())
        wait_until(lambda: states() == ["active"])
        (made,) = server.silences()
        assert made["status"]["state"] == "expired"
    finally:
        dispatcher.close()


def kinds(value: Any) -> Any:
    """The keys and types of a document."""
    if isinstance(value, dict):
        return {key: kinds(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [kinds(inner) for inner in value]
    return type(value)


@pytest.mark.timed
def test_a_webhook_hears_what_alertmanager_would_tell_it(
    server: AlertmanagerServer, sink: WebhookSink
) -> None:
    """The same alerts by way of Alertmanager, and at once: the same documents."""
    now = time.time()
    alerts = [replace(one, fired_at=round(one.fired_at or now)) for one in shop_alerts(now)]
    over = [resolved(one, round(now) - 5) for one in alerts]
    with run_sink() as direct:
        webhook = Webhook(direct.url, name="sink", external_url="https://shop.example")
        dispatcher = Dispatcher([Alertmanager(server.url), webhook])
        try:
            dispatcher.tick(alerts, now, 5.0)
            firing_here, firing_there = by_group(direct, alerts), by_group(sink, alerts)
            dispatcher.tick(over, time.time(), 5.0)
            over_here, over_there = by_group(direct, over), by_group(sink, over)
        finally:
            dispatcher.close()
    for here, there in ((firing_here, firing_there), (over_here, over_there)):
        assert here.keys() == there.keys() == {"CheckoutSlow", "QueueLong"}
        for name in here:
            # Since 0.33 it gives a reason of its own dispatcher, such as an interval that is over.
            there[name].pop("notification_reason", None)
            assert kinds(here[name]) == kinds(there[name])
            assert comparable(here[name]) == comparable(there[name])
    assert {one["status"] for one in firing_there.values()} == {"firing"}
    assert {one["status"] for one in over_there.values()} == {"resolved"}


def by_group(sink: WebhookSink, alerts: list[Alert]) -> dict[str, Any]:
    """The document of each group, once it holds every alert in its present state.

    A busy Alertmanager may tell of a group before it has taken the last of its alerts.
    """
    states = {(one.state, *sorted(one.labels.items())) for one in alerts}

    def whole_groups() -> dict[str, Any]:
        documents = {one["groupLabels"]["alertname"]: one for one in sink.documents()}
        posted = {
            (alert["status"], *sorted(alert["labels"].items()))
            for document in documents.values()
            for alert in document["alerts"]
        }
        return documents if posted == states else {}

    return wait_until(whole_groups)


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """A document without the sender's own address, its alerts in order, its times as seconds."""
    alerts = sorted(document["alerts"], key=lambda alert: alert["fingerprint"])
    for alert in alerts:
        for name in ("startsAt", "endsAt"):
            alert[name] = alert[name].replace(".000Z", "Z")
    return {**document, "externalURL": "", "alerts": alerts}
