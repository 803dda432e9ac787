"""Receivers in threads of their own: queues, retries, circuits, and none delaying another."""

from __future__ import annotations

import asyncio
import builtins
import logging
import threading
from collections.abc import Callable as Function
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from support.notify_alerts import START, firing, graded, resolved
from support.receivers_at_once import Alertmanager, Callback, Log, Webhook
from support.waiting import wait_until
from support.webhook_sink import WebhookSink, run_hanging, run_sink
from vitalspan import notify
from vitalspan.clock import ManualClock
from vitalspan.errors import ConfigurationError, MissingExtraError
from vitalspan.notify import Dispatcher, Notification, ReceiverStatus, Retry
from vitalspan.notify.delivery import RESULTS
from vitalspan.notify.receiver import UndeliveredError, reason

PATIENCE = 120.0


class Told:
    """A callback that keeps what it is told; it raises as long as there is something to raise."""

    def __init__(self, *errors: BaseException) -> None:
        self.heard: list[Notification] = []
        self.errors = list(errors)
        self.threads: set[str] = set()

    def __call__(self, message: Notification) -> None:
        self.threads.add(threading.current_thread().name)
        self.heard.append(message)
        if self.errors:
            raise self.errors.pop(0)

    def states(self) -> list[tuple[str, str, str]]:
        return [
            (alert.alertname, alert.state, alert.severity)
            for message in self.heard
            for alert in message.changed
        ]


class Stuck:
    """A callback that hangs until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.calls = 0

    def __call__(self, message: Notification) -> None:
        self.calls += 1
        self.begun.set()
        assert self.let_go.wait(PATIENCE)


class Pauses:
    """Waits without time passing but on the clock, and notes for how long."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.seconds: list[float] = []

    def __call__(self, event: threading.Event, seconds: float) -> bool:
        self.seconds.append(seconds)
        self.clock.advance(seconds)
        return event.is_set()


@pytest.fixture
def pauses(clock: ManualClock) -> Pauses:
    return Pauses(clock)


@pytest.fixture
def dispatch(clock: ManualClock, pauses: Pauses) -> Iterator[Function[..., Dispatcher]]:
    """Make dispatchers on the manual clock, which are closed at the end."""
    made = []
    before = threading.enumerate()

    def make(*receivers: Any, **options: Any) -> Dispatcher:
        made.append(Dispatcher(receivers, clock, **{"wait": pauses, **options}))
        return made[-1]

    yield make
    for dispatcher in made:
        dispatcher.close(PATIENCE)
    left = [one.name for one in threading.enumerate() if one not in before]
    assert not [name for name in left if name.startswith("vitalspan-notify")]


def status(dispatcher: Dispatcher, name: str) -> ReceiverStatus:
    (found,) = [one for one in dispatcher.snapshot() if one.name == name]
    return found


def results(dispatcher: Dispatcher, name: str) -> dict[str, int]:
    """What came of messages, without the zeros."""
    return {result: n for result, n in status(dispatcher, name).results.items() if n}


def settled(dispatcher: Dispatcher, name: str, **counts: int) -> None:
    wait_until(lambda: results(dispatcher, name) == counts)


# --- the ordinary way


def test_changes_are_told_in_order(dispatch: Function[..., Dispatcher]) -> None:
    told, alert = Told(), firing()
    dispatcher = dispatch(Callback(told))
    for number, seen in enumerate(
        [alert, alert, graded(alert, "critical"), resolved(alert, START + 9)]
    ):
        dispatcher.tick([seen, replace(firing("Waits"), state="pending")], START + number, 1.0)
    settled(dispatcher, "callback", sent=3)
    assert told.states() == [
        ("CheckoutSlow", "firing", "warning"),
        ("CheckoutSlow", "firing", "critical"),
        ("CheckoutSlow", "resolved", "warning"),
    ]
    assert told.threads == {"vitalspan-notify-callback"}
    assert status(dispatcher, "callback") == ReceiverStatus(
        "callback", "closed", {**dict.fromkeys(RESULTS, 0), "sent": 3}, 0
    )


def test_no_thread_runs_before_there_is_something_to_tell(
    dispatch: Function[..., Dispatcher],
) -> None:
    before = threading.active_count()
    dispatcher = dispatch(Callback(Told()), Log())
    dispatcher.tick([], START, 5.0)
    assert threading.active_count() == before


def test_a_coroutine_runs_in_one_loop(dispatch: Function[..., Dispatcher]) -> None:
    loops, names = [], []

    async def told(message: Notification) -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        names.append(message.alertname)

    dispatcher = dispatch(Callback(told))
    dispatcher.tick([firing("A"), firing("B")], START, 5.0)
    settled(dispatcher, "callback", sent=2)
    assert names == ["A", "B"]
    assert loops[0] is loops[1]
    dispatcher.close(PATIENCE)
    assert loops[0].is_closed()


def test_what_a_coroutine_leaves_behind_is_ended(dispatch: Function[..., Dispatcher]) -> None:
    ended = []

    async def stay() -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            ended.append(True)

    kept = []

    async def told(message: Notification) -> None:
        kept.append(asyncio.ensure_future(stay()))
        await asyncio.sleep(0)

    dispatcher = dispatch(Callback(told))
    dispatcher.tick([firing()], START, 5.0)
    settled(dispatcher, "callback", sent=1)
    dispatcher.close(PATIENCE)
    assert ended == [True]


def test_a_coroutine_that_takes_too_long_fails(dispatch: Function[..., Dispatcher]) -> None:
    calls = []

    async def told(message: Notification) -> None:
        calls.append(message)
        if len(calls) < 3:
            await asyncio.sleep(PATIENCE)

    dispatcher = dispatch(Callback(told, timeout=0.01))
    dispatcher.tick([firing()], START, 5.0)
    settled(dispatcher, "callback", sent=1)
    assert len(calls) == 3


# --- failures


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "ValueError: one two"),
        (ValueError("x" * 300), f"ValueError: {'x' * 200}"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (UnspeakableError(), "UnspeakableError"),
    ],
    ids=["lines", "long", "empty", "unspeakable"],
)
def test_what_is_said_of_a_failure(error: BaseException, line: str) -> None:
    assert reason(error) == line


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
def test_what_a_callback_raises_is_tried_again(
    dispatch: Function[..., Dispatcher], pauses: Pauses, error: BaseException
) -> None:
    told = Told(error, error)
    dispatcher = dispatch(Callback(told))
    dispatcher.tick([firing()], START, 5.0)
    settled(dispatcher, "callback", sent=1)
    assert len(told.heard) == 3
    first, second = pauses.seconds
    assert 1 < first <= 2
    assert 2 < second <= 4


def test_waits_are_bounded(dispatch: Function[..., Dispatcher], pauses: Pauses) -> None:
    told = Told(*[ValueError()] * 100)
    dispatcher = dispatch(
        Callback(told), retry=Retry(attempts=50, first=1.0, longest=8.0, total=60.0)
    )
    dispatcher.tick([firing()], START, 5.0)
    settled(dispatcher, "callback", failed=1)
    assert max(pauses.seconds) == 8.0
    assert 60 <= sum(pauses.seconds) < 60 + 8
    assert len(set(pauses.seconds[:3])) == 3


def test_what_is_not_taken_is_told_again_at_the_next_tick(
    dispatch: Function[..., Dispatcher], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "vitalspan")
    told = Told(*[ValueError("no")] * 7)
    dispatcher = dispatch(Callback(told))
    for number in range(3):
        dispatcher.tick([firing()], START + number, 1.0)
        wait_until(lambda n=number: sum(results(dispatcher, "callback").values()) == n + 1)  # type: ignore[misc]
    settled(dispatcher, "callback", failed=2, sent=1)
    assert len(told.heard) == 8
    levels = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert levels == [
        ("WARNING", "alerts could not be sent to receiver callback: ValueError: no"),
        ("DEBUG", "receiver callback failed again, circuit closed: ValueError: no"),
        ("INFO", "receiver callback accepts messages again"),
    ]


def test_a_log_handler_that_raises_ends_no_thread(dispatch: Function[..., Dispatcher]) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise ValueError

    logger = logging.getLogger("vitalspan")
    logger.addFilter(refuse)
    try:
        dispatcher = dispatch(Callback(Told(*[ValueError()] * 3)))
        dispatcher.tick([firing()], START, 5.0)
        settled(dispatcher, "callback", failed=1)
        dispatcher.tick([firing()], START + 5, 5.0)
        settled(dispatcher, "callback", failed=1, sent=1)
    finally:
        logger.removeFilter(refuse)


def test_a_refusal_is_not_tried_again_soon(
    dispatch: Function[..., Dispatcher], pauses: Pauses
) -> None:
    with run_sink() as sink:
        sink.status = 404
        dispatcher = dispatch(Webhook(sink.url))
        for number in range(12):
            dispatcher.tick([firing()], START + 5 * number, 5.0)
        settled(dispatcher, "webhook", rejected=1)
        assert len(sink.posted) == 1
        assert pauses.seconds == []
        sink.status = 200
        dispatcher.tick([firing()], START + 60, 5.0)
        settled(dispatcher, "webhook", rejected=1, sent=1)


def test_a_receiver_that_is_busy_says_when_to_come_again(
    dispatch: Function[..., Dispatcher], pauses: Pauses
) -> None:
    with run_sink() as sink:
        sink.answers.append((429, {"Retry-After": "11"}))
        sink.answers.append((503, {"Retry-After": "3600"}))
        dispatcher = dispatch(Webhook(sink.url))
        dispatcher.tick([firing()], START, 5.0)
        settled(dispatcher, "webhook", sent=1)
        assert 11 <= pauses.seconds[0] <= 22
        assert pauses.seconds[1] == 30.0


# --- the circuit


def test_a_dead_receiver_is_left_alone_and_loses_no_state(
    dispatch: Function[..., Dispatcher], clock: ManualClock
) -> None:
    told = Told(*[OSError("down")] * 9)
    dispatcher = dispatch(Callback(told))
    first, during, brief = firing("First"), firing("During"), firing("Brief")
    for number in range(3):
        dispatcher.tick([first], START + number, 1.0)
        settled(dispatcher, "callback", failed=number + 1)
    assert status(dispatcher, "callback").circuit == "open"
    told.heard.clear()
    dispatcher.tick([first, during, brief], START + 10, 5.0)
    over = [resolved(brief, START + 15), resolved(first, START + 15)]
    dispatcher.tick([during, *over], START + 15, 5.0)
    assert status(dispatcher, "callback").queued == 0
    assert told.heard == []
    clock.advance(30)
    assert status(dispatcher, "callback").circuit == "half_open"
    dispatcher.tick([during, *over], START + 40, 5.0)
    settled(dispatcher, "callback", failed=3, sent=3)
    assert status(dispatcher, "callback").circuit == "closed"
    assert sorted(told.states()) == [
        ("Brief", "resolved", "warning"),
        ("During", "firing", "warning"),
        ("First", "resolved", "warning"),
    ]


def test_a_probe_that_fails_opens_again(
    dispatch: Function[..., Dispatcher], clock: ManualClock
) -> None:
    told = Told(*[OSError("down")] * 12)
    dispatcher = dispatch(Callback(told), failures=1, pause=50)
    alerts = [firing("A"), firing("B")]
    dispatcher.tick(alerts, START, 5.0)
    # What waited behind the message that failed is told later, as it is then.
    settled(dispatcher, "callback", failed=1)
    clock.advance(50)
    dispatcher.tick(alerts, START + 50, 5.0)
    settled(dispatcher, "callback", failed=2)
    assert status(dispatcher, "callback") == ReceiverStatus(
        "callback", "open", {**dict.fromkeys(RESULTS, 0), "failed": 2}, 0
    )
    # The probe was the one that had not failed yet.
    assert [message.alertname for message in told.heard] == ["A"] * 3 + ["B"] * 3


# --- receivers that hang


def test_a_callback_that_hangs_delays_nobody(
    dispatch: Function[..., Dispatcher], clock: ManualClock
) -> None:
    stuck, told = Stuck(), Told()
    dispatcher = dispatch(Callback(stuck, name="stuck", timeout=10), Callback(told))
    alert = firing()
    dispatcher.tick([alert], START, 5.0)
    assert stuck.begun.wait(PATIENCE)
    dispatcher.tick([resolved(alert, START + 5)], START + 5, 5.0)
    settled(dispatcher, "callback", sent=2)
    assert status(dispatcher, "stuck").queued == 1
    assert status(dispatcher, "stuck").circuit == "closed"
    clock.advance(21)
    dispatcher.tick([], START + 10, 5.0)
    assert status(dispatcher, "stuck").circuit == "open"
    stuck.let_go.set()
    settled(dispatcher, "stuck", sent=2)
    assert status(dispatcher, "stuck").circuit == "closed"


def test_a_coroutine_that_is_overdue_is_cancelled(
    dispatch: Function[..., Dispatcher], clock: ManualClock
) -> None:
    begun = threading.Event()
    cancelled = []

    async def told(message: Notification) -> None:
        begun.set()
        try:
            await asyncio.sleep(300)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    dispatcher = dispatch(Callback(told, timeout=300), retry=Retry(attempts=1))
    dispatcher.tick([firing()], START, 5.0)
    assert begun.wait(PATIENCE)
    clock.advance(601)
    wait_until(lambda: dispatcher.tick([firing()], START, 5.0) or cancelled)
    settled(dispatcher, "callback", failed=1)
    assert status(dispatcher, "callback").circuit == "open"


@pytest.mark.parametrize("make", [Webhook, Alertmanager])
def test_a_server_that_hangs_delays_nobody(dispatch: Function[..., Dispatcher], make: Any) -> None:
    told = Told()
    with run_hanging() as url:
        dispatcher = dispatch(make(url, timeout=PATIENCE, name="hangs"), Callback(told))
        for number in range(20):
            seen = firing() if number % 2 == 0 else resolved(firing(), START + number)
            dispatcher.tick([seen], START + number, 1.0)
        settled(dispatcher, "callback", sent=20)
        assert results(dispatcher, "hangs") == {}
        assert status(dispatcher, "hangs").queued >= 18
        dispatcher.close(0.01)
        wait_until(lambda: results(dispatcher, "hangs").get("failed") == 1)
        assert results(dispatcher, "hangs")["dropped"] >= 18


def test_a_server_that_dawdles_is_cut_off(
    dispatch: Function[..., Dispatcher], clock: ManualClock
) -> None:
    with run_hanging() as url:
        dispatcher = dispatch(Webhook(url, timeout=300), retry=Retry(attempts=1))
        dispatcher.tick([firing()], START, 5.0)
        (delivery,) = dispatcher._deliveries()
        client = delivery._endpoint._client._client
        wait_until(lambda: getattr(client._connection, "_sock", None) is not None)
        clock.advance(601)
        dispatcher.tick([firing()], START + 5, 5.0)
        settled(dispatcher, "webhook", failed=1)
        assert status(dispatcher, "webhook").circuit == "open"


# --- queues


def test_a_full_queue_keeps_the_latest_of_a_group(dispatch: Function[..., Dispatcher]) -> None:
    stuck, alert = Stuck(), firing()
    heard = []

    def told(message: Notification) -> None:
        heard.append(message)
        stuck(message)

    dispatcher = dispatch(Callback(told), queue=3)
    dispatcher.tick([alert], START, 5.0)
    assert stuck.begun.wait(PATIENCE)
    for number in range(1, 11):
        seen = resolved(alert, START + number) if number % 2 else replace(alert, id=f"n{number}")
        dispatcher.tick([seen], START + number, 1.0)
    assert status(dispatcher, "callback").queued == 3
    assert results(dispatcher, "callback") == {"dropped": 7}
    stuck.let_go.set()
    settled(dispatcher, "callback", dropped=7, sent=4)
    assert [message.at - START for message in heard] == [0, 8, 9, 10]
    assert heard[-1].status == "firing"


def test_a_full_queue_drops_nothing_of_another_group(dispatch: Function[..., Dispatcher]) -> None:
    stuck, heard = Stuck(), []

    def told(message: Notification) -> None:
        heard.append((message.alertname, message.at - START))
        stuck(message)

    dispatcher = dispatch(Callback(told), queue=2)
    first, other, alert = firing("First"), firing("Other"), firing()
    dispatcher.tick([first], START, 5.0)
    assert stuck.begun.wait(PATIENCE)
    dispatcher.tick([first, other], START + 1, 5.0)
    dispatcher.tick([first, other, alert], START + 2, 5.0)
    dispatcher.tick([first, other, graded(alert, "critical")], START + 3, 5.0)
    stuck.let_go.set()
    settled(dispatcher, "callback", dropped=1, sent=3)
    assert heard == [("First", 0), ("Other", 1), ("CheckoutSlow", 3)]


def test_groups_that_find_no_room_are_told_later(dispatch: Function[..., Dispatcher]) -> None:
    stuck, heard = Stuck(), []

    def told(message: Notification) -> None:
        heard.append(message.alertname)
        stuck(message)

    dispatcher = dispatch(Callback(told), queue=2)
    dispatcher.tick([firing("First")], START, 5.0)
    assert stuck.begun.wait(PATIENCE)
    alerts = [firing("First"), *(firing(f"A{number}") for number in range(6))]
    dispatcher.tick(alerts, START + 5, 5.0)
    assert status(dispatcher, "callback").queued == 2
    stuck.let_go.set()
    for number in range(1, 4):
        settled(dispatcher, "callback", sent=min(7, 1 + 2 * number))
        dispatcher.tick(alerts, START + 5 + number, 5.0)
    settled(dispatcher, "callback", sent=7)
    assert heard == ["First", *(f"A{number}" for number in range(6))]


# --- who is told


def test_names_are_unique(dispatch: Function[..., Dispatcher]) -> None:
    second = Webhook("http://b")
    dispatcher = dispatch(
        Webhook("http://a"), second, Webhook("http://c"), Alertmanager("http://d", "http://e")
    )
    dispatcher.add(Log(name="webhook-4"))
    dispatcher.add(Webhook("http://f", name="webhook-4"))
    names = [one.name for one in dispatcher.snapshot()]
    assert names == [
        "webhook",
        "webhook-2",
        "webhook-3",
        "alertmanager",
        "alertmanager-2",
        "webhook-4",
        "webhook-4-2",
    ]
    dispatcher.remove(second)
    assert "webhook-2" not in [one.name for one in dispatcher.snapshot()]
    dispatcher.add(second)
    assert dispatcher.snapshot()[-1].name == "webhook-2"


def test_receivers_come_and_go(dispatch: Function[..., Dispatcher]) -> None:
    early, late = Told(), Told()
    first, second = Callback(early), Callback(late)
    dispatcher = dispatch(first)
    dispatcher.tick([firing()], START, 5.0)
    settled(dispatcher, "callback", sent=1)
    dispatcher.add(second)
    dispatcher.remove(first)
    dispatcher.tick([firing()], START + 5, 5.0)
    settled(dispatcher, "callback-2", sent=1)
    assert len(early.heard) == len(late.heard) == 1
    with pytest.raises(ConfigurationError, match="is not among the receivers"):
        dispatcher.remove(first)
    with pytest.raises(ConfigurationError, match="has been added already"):
        dispatcher.add(second)
    with pytest.raises(ConfigurationError, match="use Alertmanager, Webhook, Callback or Log"):
        dispatcher.add(late)  # type: ignore[arg-type]


def test_a_receiver_that_is_broken_does_not_stop_the_others(
    dispatch: Function[..., Dispatcher], caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()
    dispatcher = dispatch(Log(), Callback(told))
    broken, _ = dispatcher._deliveries()
    broken._plan = None
    dispatcher.tick([firing()], START, 5.0)
    settled(dispatcher, "callback", sent=1)
    assert "receiver log could not be updated" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue": 0}, "queue=0: use a whole number"),
        ({"failures": True}, "failures=True"),
        ({"pause": 0}, "pause=0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Dispatcher(**options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Callback(None), "None cannot be called"),  # type: ignore[arg-type]
        (lambda: Callback(print, timeout=0), "timeout=0"),
        (lambda: Callback(print, reminder=0), "reminder=0"),
        (lambda: Log(reminder=True), "reminder=True"),
        (lambda: Retry(attempts=0), "attempts=0"),
        (lambda: Retry(attempts=2.5), "attempts=2.5"),  # type: ignore[arg-type]
        (lambda: Retry(first=0), "first=0"),
        (lambda: Retry(longest=-1), "longest=-1"),
        (lambda: Retry(total=float("inf")), "total=inf"),
    ],
)
def test_receivers_that_cannot_be(make: Function[[], Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_retries_need_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "tenacity":
            raise ImportError(name)
        return whole(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"vitalspan\[notify\]"):
        Dispatcher([Webhook("http://a")])
    Dispatcher([Log()]).close()


# --- the end


def test_closing_tells_what_waits_without_pauses() -> None:
    stuck, told = Stuck(), Told()

    def first_hangs(message: Notification) -> None:
        told(message)
        if message.alertname == "First":
            stuck(message)
            raise ValueError

    dispatcher = Dispatcher([Callback(first_hangs)], retry=Retry(first=PATIENCE))
    dispatcher.tick([firing("First"), firing("Second")], START, 5.0)
    assert stuck.begun.wait(PATIENCE)
    closing = threading.Thread(target=dispatcher.close, args=(PATIENCE,))
    closing.start()
    (delivery,) = dispatcher._deliveries()
    wait_until(delivery._queue.closed.is_set)
    stuck.let_go.set()
    closing.join()
    assert [message.alertname for message in told.heard] == ["First", "Second"]
    assert results(dispatcher, "callback") == {"failed": 1, "sent": 1}


def test_closing_ends_a_pause() -> None:
    told = Told(ValueError())
    dispatcher = Dispatcher([Callback(told)], retry=Retry(first=300, longest=600, total=1000))
    dispatcher.tick([firing()], START, 5.0)
    wait_until(lambda: told.heard)
    dispatcher.close(PATIENCE)
    assert results(dispatcher, "callback") == {"failed": 1}
    assert len(told.heard) == 1


def test_closing_waits_no_longer_than_it_is_told() -> None:
    stuck = Stuck()
    dispatcher = Dispatcher([Callback(stuck)])
    dispatcher.tick([firing("A"), firing("B")], START, 5.0)
    assert stuck.begun.wait(PATIENCE)
    dispatcher.close(0.01)
    assert results(dispatcher, "callback") == {"dropped": 1}
    stuck.let_go.set()
    dispatcher.close(PATIENCE)
    assert stuck.calls == 1


def test_no_attempt_is_made_after_it_was_given_up() -> None:
    dispatcher = Dispatcher([Callback(Told())])
    (delivery,) = dispatcher._deliveries()
    delivery._abandoned = True
    error = delivery._deliver(Notification("A", (firing(),), (firing(),), reminder=False, at=START))
    assert isinstance(error, UndeliveredError)
    assert str(error) == "it was closed"


def test_a_callback_may_close_the_dispatcher() -> None:
    done = threading.Event()

    def told(message: Notification) -> None:
        dispatcher.close(PATIENCE)
        done.set()

    dispatcher = Dispatcher([Callback(told)])
    dispatcher.tick([firing()], START, 5.0)
    assert done.wait(PATIENCE)
    dispatcher.close(PATIENCE)


def test_after_the_end_nothing_is_told(dispatch: Function[..., Dispatcher]) -> None:
    told, late = Told(), Told()
    dispatcher = dispatch(Callback(told))
    dispatcher.close()
    dispatcher.close()
    dispatcher.add(Callback(late))
    dispatcher.tick([firing()], START, 5.0)
    dispatcher.reset()
    dispatcher.tick([firing()], START, 5.0)
    assert told.heard == late.heard == []


def test_beginning_anew(dispatch: Function[..., Dispatcher]) -> None:
    stuck, told = Stuck(), Told()
    dispatcher = dispatch(Callback(stuck, name="stuck"), Callback(told))
    dispatcher.tick([firing()], START, 5.0)
    settled(dispatcher, "callback", sent=1)
    assert stuck.begun.wait(PATIENCE)
    stuck.let_go.set()
    dispatcher.reset()
    assert results(dispatcher, "callback") == {}
    dispatcher.tick([firing()], START + 5, 5.0)
    settled(dispatcher, "callback", sent=1)
    settled(dispatcher, "stuck", sent=1)
    assert len(told.heard) == 2


def test_a_thread_that_cannot_be_started_is_tried_again(
    dispatch: Function[..., Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    dispatcher = dispatch(Callback(told))

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        dispatcher.tick([firing()], START, 5.0)
    assert status(dispatcher, "callback").queued == 1
    dispatcher.tick([firing()], START + 5, 5.0)
    settled(dispatcher, "callback", sent=1)
    assert len(told.heard) == 1


# --- the log


def test_the_log(dispatch: Function[..., Dispatcher], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    alert = firing(severity="critical")
    dispatcher = dispatch(Log(reminder=60))
    many = [firing("Many", "info", labels={"n": f"{number:02}"}) for number in range(12)]
    lines = replace(firing("Lines", "odd"), message="one\ntwo")
    bare = replace(firing("Bare", "error"), message="")
    dispatcher.tick([alert, *many, lines, bare], START, 5.0)
    settled(dispatcher, "log", sent=4)
    dispatcher.tick([alert], START + 60, 5.0)
    settled(dispatcher, "log", sent=8)
    logged = [(one.levelname, one.getMessage()) for one in caplog.records]
    said = "p95 is 700ms, over 500ms"
    assert logged[0] == ("CRITICAL", f"CheckoutSlow: firing (critical) {said}")
    each = "; ".join([f"firing (info) {said}"] * 10)
    assert logged[1] == ("INFO", f"Many: {each}; and 2 more")
    assert logged[2] == ("ERROR", "Lines: firing (odd) one two")
    assert logged[3] == ("ERROR", "Bare: firing (error)")
    assert ("CRITICAL", f"CheckoutSlow: still: firing (critical) {said}") in logged
    assert ("INFO", "Bare: resolved") in logged
    assert {record.name for record in caplog.records} == {"vitalspan.alerts"}


def test_a_logger_of_ones_own(
    dispatch: Function[..., Dispatcher], caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Log(logging.getLogger("shop"), send_resolved=False)
    assert repr(receiver) == "Log(shop)"
    dispatcher = dispatch(receiver)
    dispatcher.tick([firing()], START, 5.0)
    settled(dispatcher, "log", sent=1)
    assert [record.name for record in caplog.records] == ["shop"]


def test_how_a_callback_is_shown() -> None:
    assert repr(Callback(print)) == "Callback(print)"
    assert "Told object" in repr(Callback(Told()))


def test_what_a_webhook_is_sent(dispatch: Function[..., Dispatcher]) -> None:
    with run_sink() as sink:
        check_payload(dispatch, sink)


def check_payload(dispatch: Function[..., Dispatcher], sink: WebhookSink) -> None:
    receiver = Webhook(
        f"{sink.url}/hook",
        name="pager",
        max_alerts=2,
        external_url="https://shop.example",
        generator_url="https://shop.example/rules",
    )
    dispatcher = dispatch(receiver)
    alerts = [firing(labels={"operation": name, "team": "payments", "empty": ""}) for name in "abc"]
    own = replace(alerts[1], generator_url="https://b.example", annotations={"summary": "b"})
    dispatcher.tick([resolved(alerts[0], START), own, alerts[2]], START, 5.0)
    dispatcher.tick([resolved(own, START + 5.25), alerts[2], alerts[0]], START + 6, 5.0)
    first, second = sink.wait_for(2)
    assert sink.posted[0].path == "/hook"
    assert (first["status"], first["truncatedAlerts"], len(first["alerts"])) == ("firing", 0, 2)
    assert (second["status"], second["truncatedAlerts"]) == ("firing", 1)
    assert [one["labels"]["operation"] for one in second["alerts"]] == ["a", "c"]
    assert {name: value for name, value in first.items() if name != "alerts"} == {
        "version": "4",
        "groupKey": '{}:{alertname="CheckoutSlow"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "pager",
        "groupLabels": {"alertname": "CheckoutSlow"},
        "commonLabels": {"alertname": "CheckoutSlow", "severity": "warning", "team": "payments"},
        "commonAnnotations": {},
        "externalURL": "https://shop.example",
    }
    assert first["alerts"][0] == {
        "status": "firing",
        "labels": {
            "alertname": "CheckoutSlow",
            "severity": "warning",
            "operation": "b",
            "team": "payments",
        },
        "annotations": {"summary": "b"},
        "startsAt": "2023-11-14T22:13:20.000Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://b.example",
        "fingerprint": first["alerts"][0]["fingerprint"],
    }
    assert first["alerts"][1]["generatorURL"] == "https://shop.example/rules"


def test_the_last_failure_is_named_when_it_is_closed(
    dispatch: Function[..., Dispatcher], caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher = dispatch(Callback(Told(*[ValueError("no route")] * 9), name="pager"), Log())
    dispatcher.tick([firing()], START, 5.0)
    settled(dispatcher, "pager", failed=1)
    caplog.clear()
    dispatcher.close(PATIENCE)
    (record,) = [one for one in caplog.records if "was closed" in one.message]
    assert record.message.startswith(
        "receiver pager was closed before it got the latest alerts: ValueError: no route"
    )


def test_what_a_group_waits_for_is_told_at_the_end(dispatch: Function[..., Dispatcher]) -> None:
    told = Told()
    dispatcher = dispatch(notify.Callback(told))
    dispatcher.tick([firing()], START, 5.0)
    assert told.heard == []
    dispatcher.close(PATIENCE)
    assert told.states() == [("CheckoutSlow", "firing", "warning")]
