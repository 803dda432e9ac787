"""A webhook behind Alertmanager hears exactly the incidents of three processes that were played.

The long form plays them for ten minutes, the short one for one round.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from support.alertmanager_server import AlertmanagerServer, run_alertmanager
from support.long_runs import LONG
from support.shop_process import ShopProcess
from support.waiting import wait_until
from support.webhook_sink import WebhookSink, run_sink

pytestmark = pytest.mark.once

SECONDS: Final = 600.0 if LONG else 0.0
TICK: Final = 0.2
RESEND: Final = 4.0
FOR: Final = 0.5
"""Seconds that an alert is pending."""

RULE: Final = """
      - alert: {alert}
        signal: error_ratio
        where: {{operation: checkout}}
        window: 2s
        for: 500ms
        above: {{critical: {threshold}}}
        no_data: keep
        annotations: {{summary: "{summary}"}}
"""


def rule_file(*rules: tuple[str, str, str]) -> str:
    """A rule file of alerts, each with a threshold and a summary."""
    parts = [RULE.format(alert=alert, threshold=at, summary=text) for alert, at, text in rules]
    return f"groups:\n  - name: shop\n    rules:{''.join(parts)}"


FIRST: Final = rule_file(("Fails", "20%", "first"))
EDITED: Final = rule_file(("Fails", "30%", "edited"))
TWO: Final = rule_file(("Fails", "30%", "edited"), ("FailsToo", "20%", "new"))


class Incident(NamedTuple):
    """What the webhook is told: by which process, of which alert, and whether it began."""

    instance: str
    alert: str
    status: str


class Pager:
    """Compares what the webhook hears with what it should have heard.

    Args:
        sink: the webhook.

    Attributes:
        expected: each incident, and the time before which nobody may hear of it.
    """

    def __init__(self, sink: WebhookSink) -> None:
        self._sink = sink
        self.expected: list[tuple[float, Incident]] = []

    def heard(self) -> list[tuple[float, Incident]]:
        """Everything that it has heard, and when."""
        return [
            (
                posted.at,
                Incident(
                    alert["labels"]["instance"], alert["labels"]["alertname"], alert["status"]
                ),
            )
            for posted in list(self._sink.posted)
            for alert in posted.document["alerts"]
        ]

    def expect(self, *incidents: Incident, since: float) -> None:
        """Expect these from a time on, each after those of its alert that came before."""
        self.expected += ((since, incident) for incident in incidents)

    def hears(self, *incidents: Incident, since: float) -> None:
        """Wait until it has heard these and all that came before, none of them early."""
        self.expect(*incidents, since=since)
        for key in {incident[:2] for incident in incidents}:
            count = len(of(key, self.expected))
            wait_until(lambda key=key, count=count: len(of(key, self.heard())) >= count)  # type: ignore[misc]
        self.check()

    def check(self, *, settled: bool = False) -> None:
        """Compare what was heard of each alert with what should have been, in its order."""
        heard = self.heard()
        for key in {incident[:2] for _, incident in (*heard, *self.expected)}:
            came, due = of(key, heard), of(key, self.expected)
            if not settled:
                due = due[: len(came)]
            assert [incident for _, incident in came] == [incident for _, incident in due]
            assert all(at >= since for (at, _), (since, _) in zip(came, due, strict=True))


def of(key: tuple[str, ...], told: list[tuple[float, Incident]]) -> list[tuple[float, Incident]]:
    """What is about one alert of one process."""
    return [one for one in told if one[1][:2] == key]


class Fleet:
    """Three processes of one service, an Alertmanager, and the webhook behind it."""

    def __init__(self, server: AlertmanagerServer, sink: WebhookSink, directory: Path) -> None:
        self.server = server
        self.pager = Pager(sink)
        self.processes = [
            ShopProcess(name, directory / f"rules-{name}.yml", server.url, tick=TICK, resend=RESEND)
            for name in ("shop-1", "shop-2", "shop-3")
        ]
        for process in self.processes:
            process.rules.write_text(FIRST)

    def play(self, number: int) -> None:
        """Play a round, in which the processes change places."""
        shift = number % 3
        one, two, three = (*self.processes[shift:], *self.processes[:shift])
        self.two_fail_and_one_recovers(one, two)
        self.one_is_killed_while_it_fails(two)
        self.a_silenced_incident_goes_on_through_a_restart(one)
        self.an_incident_begins_under_a_silence(three)
        self.the_rule_file_is_edited_everywhere({one.name, three.name})
        ended = time.time()
        for process in (one, three):
            process.tell("fail", False)
        self.pager.hears(
            Incident(one.name, "Fails", "resolved"),
            Incident(three.name, "Fails", "resolved"),
            since=ended,
        )

    def two_fail_and_one_recovers(self, one: ShopProcess, two: ShopProcess) -> None:
        began = time.time()
        for process in (one, two):
            process.tell("fail", True)
        self.pager.hears(
            Incident(one.name, "Fails", "firing"),
            Incident(two.name, "Fails", "firing"),
            since=began + FOR,
        )
        ended = time.time()
        two.tell("fail", False)
        self.pager.hears(Incident(two.name, "Fails", "resolved"), since=ended)

    def one_is_killed_while_it_fails(self, process: ShopProcess) -> None:
        began = time.time()
        process.tell("fail", True)
        self.pager.hears(Incident(process.name, "Fails", "firing"), since=began + FOR)
        # Its incident ends while it is away: Alertmanager says so once it hears no more of it.
        self.pager.expect(Incident(process.name, "Fails", "resolved"), since=time.time())
        process.stop(kill=True)
        process.start()

    def a_silenced_incident_goes_on_through_a_restart(self, process: ShopProcess) -> None:
        process.tell("silence", 1.5 * RESEND)
        wait_until(lambda: self.states(process) == {"suppressed"})
        process.stop()
        process.start(failing=True)
        # The silence ends by itself, in Alertmanager, and the incident is still the same one.
        wait_until(lambda: self.states(process) == {"active"})

    def an_incident_begins_under_a_silence(self, process: ShopProcess) -> None:
        silence = process.tell("silence", 3600)
        wait_until(lambda: self.silenced(process))
        process.tell("fail", True)
        wait_until(lambda: self.states(process) == {"suppressed"})
        process.tell("fail", False)
        wait_until(lambda: self.states(process) == set())
        process.tell("fail", True)
        wait_until(lambda: self.states(process) == {"suppressed"})
        heard = time.time()
        process.tell("unsilence", silence)
        self.pager.hears(Incident(process.name, "Fails", "firing"), since=heard)

    def the_rule_file_is_edited_everywhere(self, failing: set[str]) -> None:
        self.edit(EDITED, {"Fails": "edited"}, pause=3 * TICK)
        began = time.time()
        self.edit(TWO, {"Fails": "edited", "FailsToo": "new"})
        self.pager.hears(
            *(Incident(name, "FailsToo", "firing") for name in failing), since=began + FOR
        )
        ended = time.time()
        self.edit(FIRST, {"Fails": "first"})
        self.pager.hears(*(Incident(name, "FailsToo", "resolved") for name in failing), since=ended)

    def edit(self, text: str, summaries: dict[str, str], *, pause: float = 0.0) -> None:
        """Write a rule file process by process, as an editor does that empties it at first.

        Args:
            text: of the file.
            summaries: of the alerts in it.
            pause: seconds that it is empty, and that it has a part which is no YAML.
        """
        for process in self.processes:
            middle = text.index('"') + 2
            with process.rules.open("w") as file:
                for part in (text[:middle], text[middle:]):
                    # The process must find the file in both states, and only its clock says when.
                    time.sleep(pause)
                    file.write(part)
                    file.flush()
            wait_until(lambda: process.tell("summaries") == summaries)  # noqa: B023

    def states(self, process: ShopProcess) -> set[str]:
        """What Alertmanager does with the alerts of a process: `active` or `suppressed`."""
        own = self.server.alerts(filter=f'instance="{process.name}"')
        return {alert["status"]["state"] for alert in own}

    def silenced(self, process: ShopProcess) -> bool:
        """Whether Alertmanager has a silence for the alerts of a process."""
        return any(
            silence["status"]["state"] == "active"
            and {"name": "instance", "value": process.name, "isRegex": False, "isEqual": True}
            in silence["matchers"]
            for silence in self.server.silences()
        )


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        sink = stack.enter_context(run_sink())
        server = stack.enter_context(
            run_alertmanager(tmp_path, sink.url, group_by=["..."], group_wait="100ms")
        )
        fleet = Fleet(server, sink, tmp_path)
        for process in fleet.processes:
            stack.callback(process.stop, kill=True)
            process.start()
        yield fleet


def test_a_webhook_hears_each_incident_once_and_none_early(fleet: Fleet) -> None:
    began = time.monotonic()
    rounds = 0
    while not rounds or time.monotonic() - began < SECONDS:
        fleet.play(rounds)
        rounds += 1
    wait_until(lambda: len(fleet.pager.heard()) >= len(fleet.pager.expected))
    # That nothing more comes can only be waited for: what is sent again comes within this time.
    time.sleep(1.5 * RESEND)
    fleet.pager.check(settled=True)
    heard = fleet.pager.heard()
    seconds = time.monotonic() - began
    print(f"{rounds} rounds in {seconds:.0f} s: {len(heard)} messages, each expected")  # noqa: T201
