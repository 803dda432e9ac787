"""A real Alertmanager is told, groups, resolves, and may be away; and webhooks hear the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alertmanager_server import AlertmanagerServer, run_alertmanager
from notify_alerts import firing, graded, resolved
from prometheus_server import wait_until
from vitalspan.clock import ManualClock
from vitalspan.notify import Alertmanager, Dispatcher, Retry, Webhook
from vitalspan.notify.identity import fingerprint
from vitalspan.rules.alert import Alert
from webhook_sink import WebhookSink, run_hanging, run_sink


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
        severities = {
            one["labels"]["severity"]: one["status"]
            for document in sink.documents()
            for one in document["alerts"]
            if one["labels"].get("operation") == shop.labels["operation"]
        }
        assert severities == {"warning": "resolved", "critical": "firing"}
    finally:
        dispatcher.close()
    assert dispatcher.snapshot()[0].results["failed"] == 0


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
        dispatcher.tick([firing(labels={"not-a-name": "x"}), firing("Good")], time.time(), 5.0)
        wait_until(lambda: dispatcher.snapshot()[0].results["rejected"] == 1)
        # What was right in the same batch is taken.
        wait_until(lambda: active(server) == {("Good", "warning")})
    finally:
        dispatcher.close()
    assert "answered 400" in caplog.text
    assert "not-a-name" in caplog.text


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
            firing_here, firing_there = by_group(direct, 2), by_group(sink, 2)
            dispatcher.tick(over, time.time(), 5.0)
            over_here, over_there = by_group(direct, 4), by_group(sink, 4)
        finally:
            dispatcher.close()
    for here, there in ((firing_here, firing_there), (over_here, over_there)):
        assert here.keys() == there.keys() == {"CheckoutSlow", "QueueLong"}
        for name in here:
            assert kinds(here[name]) == kinds(there[name])
            assert comparable(here[name]) == comparable(there[name])
    assert {one["status"] for one in firing_there.values()} == {"firing"}
    assert {one["status"] for one in over_there.values()} == {"resolved"}


def by_group(sink: WebhookSink, number: int) -> dict[str, Any]:
    """The last document of each group, once there are so many documents."""
    return {one["groupLabels"]["alertname"]: one for one in sink.wait_for(number)}


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """A document without the sender's own address, its alerts in order, its times as seconds."""
    alerts = sorted(document["alerts"], key=lambda alert: alert["fingerprint"])
    for alert in alerts:
        for name in ("startsAt", "endsAt"):
            alert[name] = alert[name].replace(".000Z", "Z")
    return {**document, "externalURL": "", "alerts": alerts}
