"""The push loop: what waits, what is tried again, what is dropped, and how it ends."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

import vitalspan as vs
from support.otlp_metrics import Request as Message
from support.otlp_metrics import metrics_of
from vitalspan.bridge.otlp.export_requests import Request
from vitalspan.bridge.otlp.exporter import OtlpExporter, next_time
from vitalspan.bridge.otlp.registry_source import RegistrySource
from vitalspan.bridge.otlp.send_queue import SendQueue
from vitalspan.bridge.otlp.sender import Sender
from vitalspan.bridge.otlp.settings import OtlpSettings
from vitalspan.bridge.otlp.transport import Accepted, ExportError


class ScriptedTransport:
    """Answers what it is told to, then takes everything."""

    def __init__(self) -> None:
        self.answers: deque[Accepted | Exception] = deque()
        self.taken: list[bytes] = []
        self.deadlines: list[float] = []
        self.aborted = 0

    def send(self, body: bytes, deadline: float) -> Accepted:
        self.deadlines.append(deadline)
        answer = self.answers.popleft() if self.answers else Accepted()
        if isinstance(answer, Exception):
            raise answer
        self.taken.append(body)
        return answer

    def abort(self) -> None:
        self.aborted += 1

    def names(self) -> list[str]:
        return [
            metric.name for body in self.taken for metric in metrics_of(Message.FromString(body))
        ]


AWAY = ExportError("answered 503", again=True)


class PushLoop:
    """A registry, and exporters of it without a thread, with a pause of 1 s after failures."""

    def __init__(self, registry: CollectorRegistry, clock: vs.ManualClock) -> None:
        self.registry = registry
        self.clock = clock
        self.transport = ScriptedTransport()

    def make(self, **options: Any) -> OtlpExporter:
        variables = {"OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        chosen = OtlpSettings.from_environment(variables, endpoint="http://collector:4318")
        source = RegistrySource(self.registry)
        exporter = OtlpExporter([source], self.transport, chosen, self.clock, **options)
        exporter.sender._jitter = lambda least, most: most
        return exporter


@pytest.fixture
def push(registry: CollectorRegistry, clock: vs.ManualClock) -> PushLoop:
    return PushLoop(registry, clock)


class TestSending:
    def test_what_is_read_is_sent(self, push: PushLoop) -> None:
        Gauge("rooms", "help", registry=push.registry).set(3)
        exporter = push.make()
        exporter.export()
        assert exporter.waiting_bytes > 0
        exporter.send()
        assert exporter.waiting_bytes == 0
        assert push.transport.names() == ["rooms"]
        assert exporter.sender.points == {"accepted": 1, "rejected": 0, "dropped": 0}
        [metric] = metrics_of(Message.FromString(push.transport.taken[0]))
        assert metric.gauge.data_points[0].time_unix_nano == round(push.clock.wall() * 1e9)

    def test_an_error_that_nobody_expects_loses_one_request(
        self, push: PushLoop, caplog: pytest.LogCaptureFixture
    ) -> None:
        Gauge("rooms", "help", registry=push.registry)
        exporter = push.make()
        push.transport.answers.append(KeyError("secret"))
        exporter.export()
        exporter.export()
        exporter.send()
        assert exporter.sender.points == {"accepted": 1, "rejected": 1, "dropped": 0}
        assert exporter.sender.requests == {"accepted": 1, "rejected": 1, "failed": 0}
        messages = [record.getMessage() for record in caplog.records]
        assert messages == ["metrics cannot be sent to http://collector:4318: KeyError"]

    def test_a_failure_waits_longer_each_time(self, push: PushLoop) -> None:
        Gauge("rooms", "help", registry=push.registry)
        exporter = push.make()
        push.transport.answers += [AWAY] * 9
        exporter.export()
        pauses = []
        while push.transport.answers:
            exporter.send()
            pause = exporter.sender.not_before - push.clock.now()
            pauses.append(pause)
            attempts = len(push.transport.deadlines)
            push.clock.advance(pause - 0.001)
            exporter.send()
            assert len(push.transport.deadlines) == attempts
            push.clock.advance(0.001)
        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        exporter.send()
        assert len(push.transport.taken) == 1
        assert exporter.sender.requests == {"accepted": 1, "rejected": 0, "failed": 9}

    def test_a_receiver_is_left_alone_as_long_as_it_asks_for(self, push: PushLoop) -> None:
        Gauge("rooms", "help", registry=push.registry)
        exporter = push.make()
        exporter.export()
        push.transport.answers += [
            ExportError("busy", again=True, wait=100),
            ExportError("busy", again=True, wait=1e9),
        ]
        exporter.send()
        assert exporter.sender.not_before - push.clock.now() == 101
        push.clock.advance(101)
        exporter.send()
        assert exporter.sender.not_before - push.clock.now() == 602

    def test_a_refusal_is_not_sent_again(self, push: PushLoop) -> None:
        Gauge("rooms", "help", registry=push.registry)
        exporter = push.make()
        exporter.export()
        push.transport.answers.append(ExportError("answered 400"))
        exporter.send()
        assert exporter.waiting_bytes == 0
        assert exporter.sender.points["rejected"] == 1
        exporter.send()
        assert push.transport.taken == []

    def test_partial_success_is_counted_and_never_resent(
        self, push: PushLoop, caplog: pytest.LogCaptureFixture
    ) -> None:
        gauge = Gauge("rooms", "help", ["floor"], registry=push.registry)
        for floor in range(5):
            gauge.labels(floor)
        exporter = push.make()
        push.transport.answers += [Accepted(2, "too old"), Accepted(99, "?"), Accepted(-5, "")]
        for _ in range(3):
            exporter.export()
            exporter.send()
        assert exporter.sender.points == {"accepted": 8, "rejected": 7, "dropped": 0}
        assert len(push.transport.taken) == 3
        [warning] = [record.getMessage() for record in caplog.records]
        assert (
            warning == "http://collector:4318 accepted metrics, but refused 2 data points: too old"
        )

    def test_a_limit_falls_where_a_request_was_too_large(self, push: PushLoop) -> None:
        gauge = Gauge("rooms", "help", ["floor"], registry=push.registry)
        for floor in range(1000):
            gauge.labels(floor)
        exporter = push.make(max_request=100_000)
        push.transport.answers += [ExportError("answered 413", too_large=True)] * 9
        for limit in (50_000, 25_000, 16_384):
            exporter.export()
            exporter.send()
            assert exporter.sender.limit <= limit
        assert exporter.sender.limit == 16_384

    def test_many_series_are_several_requests(self, push: PushLoop) -> None:
        gauge = Gauge("rooms", "help", ["floor"], registry=push.registry)
        for floor in range(1000):
            gauge.labels(floor)
        exporter = push.make(max_request=10_000)
        exporter.export()
        exporter.send()
        assert len(push.transport.taken) > 3
        assert max(map(len, push.transport.taken)) <= 10_000
        assert exporter.sender.points["accepted"] == 1000

    def test_requests_have_a_deadline_each_and_together(self, push: PushLoop) -> None:
        Gauge("rooms", "help", registry=push.registry)
        exporter = push.make()
        taken = push.transport.send

        def slow(body: bytes, deadline: float) -> Accepted:
            push.clock.advance(9)
            return taken(body, deadline)

        push.transport.send = slow  # type: ignore[method-assign]
        for _ in range(6):
            exporter.export()
        began = push.clock.now()
        exporter.send()
        assert [deadline - began for deadline in push.transport.deadlines] == [10, 19, 28, 30]


class TestMemory:
    def test_the_oldest_go_first(self, push: PushLoop) -> None:
        gauge = Gauge("rooms", "help", registry=push.registry)
        exporter = push.make(max_waiting=500)
        for number in range(50):
            gauge.set(number)
            exporter.export()
            assert exporter.waiting_bytes <= 500
        dropped = exporter.sender.points["dropped"]
        assert 0 < dropped < 50
        exporter.send()
        values = [
            metric.gauge.data_points[0].as_double
            for body in push.transport.taken
            for metric in metrics_of(Message.FromString(body))
        ]
        assert values == list(range(dropped, 50))

    def test_one_that_is_larger_than_the_memory_is_sent(self) -> None:
        queue = SendQueue(10)
        assert queue.put(Request(b"a" * 100, 3)) == 0
        assert queue.put(Request(b"b" * 100, 4)) == 3
        assert queue.first() == Request(b"b" * 100, 4)
        assert queue.clear() == 4
        assert (queue.first(), queue.size, len(queue)) == (None, 0, 0)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["ok", "away", "refused", "part"]))))
def test_every_point_is_accepted_rejected_dropped_or_waits(
    steps: list[tuple[int, str]],
) -> None:
    clock, transport = vs.ManualClock(), ScriptedTransport()
    queue = SendQueue(100)
    sender = Sender(transport, queue, where="w", timeout=10, limit=1000, now=clock.now)
    answers: dict[str, Accepted | ExportError] = {
        "ok": Accepted(),
        "away": AWAY,
        "refused": ExportError("no"),
        "part": Accepted(1, ""),
    }
    put = 0
    for points, answer in steps:
        transport.answers.append(answers[answer])
        sender.put(Request(b"x" * points, points))
        put += points
        clock.advance(100)
        sender.send_waiting(clock.now() + 1)
        waiting = sum(request.points for request in queue._requests)
        assert sum(sender.points.values()) + waiting == put
        assert queue.size <= 100


class TestComplaints:
    def test_a_long_absence_is_one_line_and_its_end_another(
        self, push: PushLoop, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        Gauge("rooms", "help", registry=push.registry)
        exporter = push.make()
        push.transport.answers += [AWAY] * 5
        for _ in range(8):
            exporter.export()
            exporter.send()
            push.clock.advance(100)
        assert [record.getMessage() for record in caplog.records] == [
            (
                "metrics could not be sent to http://collector:4318, and will be sent again: "
                "answered 503"
            ),
            "http://collector:4318 accepts metrics again",
        ]


class BrokenCollector(Collector):
    def collect(self) -> Any:
        yield GaugeMetricFamily("half", "help", 1)
        raise RuntimeError("broken")


class StrangeCollector(Collector):
    def collect(self) -> Any:
        yield GaugeMetricFamily("strange", "help", "many")  # type: ignore[arg-type]


class TestReading:
    @pytest.mark.parametrize("collector", [BrokenCollector(), StrangeCollector()])
    def test_a_collector_that_raises_is_left_out_and_logged_once(
        self, push: PushLoop, caplog: pytest.LogCaptureFixture, collector: Collector
    ) -> None:
        push.registry._collector_to_names[collector] = []
        Gauge("rooms", "help", registry=push.registry)
        exporter = push.make()
        for _ in range(3):
            exporter.export()
        exporter.send()
        assert set(push.transport.names()) == {"rooms"}
        [record] = caplog.records
        assert type(collector).__name__ in record.getMessage()

    def test_a_source_that_raises_is_logged_once(
        self, push: PushLoop, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken:
            def read(self, time: int) -> Any:
                raise RuntimeError("broken")

        chosen = OtlpSettings.from_environment({})
        exporter = OtlpExporter([Broken()], push.transport, chosen, push.clock)
        exporter.export()
        exporter.export()
        assert exporter.exports == 2
        assert len(caplog.records) == 1

    def test_what_is_left_out_is_counted(self, push: PushLoop) -> None:
        class GaugeHistogram(Collector):
            def collect(self) -> Any:
                from prometheus_client.core import GaugeHistogramMetricFamily

                yield GaugeHistogramMetricFamily("m", "h", [("+Inf", 1)], 1)

        push.registry.register(GaugeHistogram())
        exporter = push.make()
        for _ in range(2):
            exporter.export()
            assert exporter.left_out == 1


class TestClosing:
    def test_the_last_values_are_sent(self, push: PushLoop) -> None:
        counter = Counter("orders", "help", registry=push.registry)
        exporter = push.make()
        exporter.start()
        assert exporter.running
        counter.inc(7)
        exporter.close()
        [metric] = metrics_of(Message.FromString(push.transport.taken[-1]))
        assert metric.sum.data_points[0].as_double == 7
        exporter.close()
        exporter.start()
        assert len(push.transport.taken) == 1
        assert not exporter.running

    def test_a_receiver_that_is_left_alone_is_tried_once_more(self, push: PushLoop) -> None:
        Gauge("rooms", "help", registry=push.registry)
        exporter = push.make()
        exporter.start()
        push.transport.answers.append(AWAY)
        exporter.export()
        exporter.send()
        exporter.close()
        assert len(push.transport.taken) == 2

    def test_what_cannot_be_sent_is_dropped_and_counted(self, push: PushLoop) -> None:
        Gauge("rooms", "help", registry=push.registry)
        exporter = push.make()
        exporter.start()
        push.transport.answers += [AWAY, AWAY]
        exporter.export()
        exporter.send()
        exporter.close()
        assert exporter.sender.points == {"accepted": 0, "rejected": 0, "dropped": 2}
        assert len(push.transport.deadlines) == 2

    def test_a_request_under_way_is_aborted(self, push: PushLoop) -> None:
        Gauge("rooms", "help", registry=push.registry)
        started, aborted = threading.Event(), threading.Event()

        class Hanging(ScriptedTransport):
            def send(self, body: bytes, deadline: float) -> Accepted:
                if not aborted.is_set():
                    started.set()
                    aborted.wait(60)
                    raise AWAY
                return super().send(body, deadline)

            def abort(self) -> None:
                aborted.set()

        variables = {"OTEL_METRIC_EXPORT_INTERVAL": "1", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.01"}
        chosen = OtlpSettings.from_environment(variables)
        exporter = OtlpExporter(
            [RegistrySource(push.registry)], Hanging(), chosen, vs.SystemClock()
        )
        exporter.start()
        assert started.wait(60)
        exporter.close()
        assert aborted.is_set()


def test_one_that_was_not_started_pushes_nothing(push: PushLoop) -> None:
    Gauge("rooms", "help", registry=push.registry)
    push.make().close()
    assert push.transport.deadlines == []


@pytest.mark.parametrize(
    ("due", "now", "wanted"),
    [(10, 10, 20), (10, 19.9, 20), (10, 20, 30), (10, 57, 60), (10, 5, 20)],
)
def test_missed_times_are_left_out(due: float, now: float, wanted: float) -> None:
    assert next_time(due, 10, now) == wanted


def test_the_thread_exports_at_its_interval(registry: CollectorRegistry) -> None:
    Gauge("rooms", "help", registry=registry)
    seen = threading.Semaphore(0)

    class Counting(ScriptedTransport):
        def send(self, body: bytes, deadline: float) -> Accepted:
            seen.release()
            return super().send(body, deadline)

    chosen = OtlpSettings.from_environment({"OTEL_METRIC_EXPORT_INTERVAL": "1"})
    exporter = OtlpExporter([RegistrySource(registry)], Counting(), chosen, vs.SystemClock())
    exporter.start()
    exporter.start()
    for _ in range(3):
        assert seen.acquire(timeout=60)
    exporter.close()


def test_its_metrics(push: PushLoop) -> None:
    Gauge("rooms", "help", registry=push.registry)
    exporter = push.make()
    exporter.export()
    families = {family.metadata.name: family for family in exporter.families()}
    assert families.keys() == {
        "vitalspan_otlp_data_points_total",
        "vitalspan_otlp_requests_total",
        "vitalspan_otlp_waiting_bytes",
    }
