"""The way to one receiver: a bounded queue, a thread, retries and a circuit breaker."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Generic

from vitalspan.clock import Clock
from vitalspan.notify.circuit import Circuit, CircuitState
from vitalspan.notify.receiver import M, Outcome, Outlet, UndeliveredError, reason
from vitalspan.notify.retry import Retry, with_retries
from vitalspan.notify.worker import Worker
from vitalspan.record.faults import logger
from vitalspan.rules.alert import Alert

RESULTS: Final = ("sent", "failed", "rejected", "dropped")
"""How messages are counted: taken; given up after several attempts; refused for good; left out,
since the queue was full."""

_OVERDUE: Final = 2
"""Timeouts after which a delivery counts as hanging."""


@dataclass(frozen=True)
class Options:
    """What all lanes of a dispatcher have in common.

    Attributes:
        queue: messages that wait at most.
        retry: how often a message is tried.
        failures: failed messages in a row that open the circuit.
        pause: seconds that it stays open.
        wait: waits for some seconds, or until an event is set; returns whether it is.
    """

    queue: int = 256
    retry: Retry = field(default_factory=Retry)
    failures: int = 3
    pause: float = 30.0
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait


@dataclass(frozen=True)
class ReceiverStatus:
    """How it goes with one receiver.

    Attributes:
        name: of the receiver.
        circuit: `closed`; `open`: left alone after failures; `half_open`: being tried again.
        results: how many messages came to each of `RESULTS`.
        queued: messages that wait.
    """

    name: str
    circuit: CircuitState
    results: Mapping[str, int]
    queued: int


class Lane(Generic[M]):
    """Tells one receiver, and lets it delay nobody else.

    Args:
        name: of the receiver.
        outlet: where messages go to.
        clock: whose steady time the circuit follows.
        options: how patient to be.
    """

    def __init__(self, name: str, outlet: Outlet[M], clock: Clock, options: Options) -> None:
        self.name = name
        self._outlet = outlet
        self._clock = clock
        self._options = options
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._plan = outlet.plan()
        self._circuit = Circuit(options.failures, options.pause)
        self._queue: deque[M] = deque()
        self._counts = dict.fromkeys(RESULTS, 0)
        self._worker = Worker(f"vitalspan-notify-{name}", self._work)
        self._attempted_at: float | None = None
        self._abandoned = False
        self._failing = False

    def offer(self, alerts: Sequence[Alert], now: float, interval: float) -> None:
        """Queue what is new to the receiver. Never waits for it.

        Args:
            alerts: all that fire, or were resolved not long ago.
            now: Unix seconds.
            interval: seconds until the next offer.
        """
        with self._changed:
            if self._closing.is_set():
                return
            steady = self._clock.now()
            self._watch(steady)
            self._counts["dropped"] += self._plan.observe(alerts, now)
            if self._circuit.state(steady) == "open":
                return
            for message in self._plan.due(now, interval):
                self._push(message)
            if self._queue:
                self._worker.ensure()
                self._changed.notify_all()

    def status(self) -> ReceiverStatus:
        """Return how it goes."""
        with self._changed:
            circuit = self._circuit.state(self._clock.now())
            return ReceiverStatus(self.name, circuit, dict(self._counts), len(self._queue))

    def begin_closing(self) -> None:
        """Let no more in; what waits is tried once, without pauses."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()

    def end_closing(self, seconds: float, grace: float) -> None:
        """Wait for the thread's end.

        Args:
            seconds: until what waits is given up and what is under way aborted.
            grace: seconds to wait for that.
        """
        if self._worker.join(seconds):
            return
        with self._changed:
            self._abandoned = True
            self._counts["dropped"] += len(self._queue)
            self._queue.clear()
        self._outlet.abort()
        self._worker.join(grace)

    def disown(self) -> None:
        """Leave what is under way to the parent of a forked child, where this is of no more use."""
        self._outlet.disown()

    def _watch(self, steady: float) -> None:
        began = self._attempted_at
        if began is not None and steady - began > _OVERDUE * self._outlet.timeout:
            self._circuit.trip(steady)
            self._outlet.abort()

    def _push(self, message: M) -> None:
        """Queue a message; in a full queue it takes the place of the oldest of its group.

        Without one it has to wait for a later tick, which sees it as new again.
        """
        if len(self._queue) >= self._options.queue:
            for old in self._queue:
                if old.group == message.group:
                    break
            else:
                self._plan.settle(message, "untold")
                return
            self._queue.remove(old)
            self._plan.settle(old, "untold")
            self._counts["dropped"] += 1
        self._queue.append(message)

    def _work(self) -> None:
        try:
            while True:
                message = self._next()
                if message is None:
                    break
                self._finish(message, self._deliver(message))
        finally:
            with suppress(Exception):
                self._outlet.end()

    def _next(self) -> M | None:
        """Return the next message to try; None at the end."""
        with self._changed:
            while True:
                while not self._queue:
                    if self._closing.is_set():
                        return None
                    self._changed.wait()
                message = self._queue.popleft()
                if self._circuit.admits(self._clock.now()):
                    return message
                # It would grow old; what holds when the circuit closes will be told then.
                self._plan.settle(message, "untold")

    def _deliver(self, message: M) -> UndeliveredError | None:
        """Try a message as often as is right; return what went wrong in the end."""

        def attempt() -> None:
            if self._abandoned:
                raise UndeliveredError("it was closed", again=False)
            self._attempted_at = self._clock.now()
            try:
                self._outlet.deliver(message, self.name)
            finally:
                self._attempted_at = None

        try:
            if self._outlet.retried:
                with_retries(attempt, self._options.retry, now=self._clock.now, sleep=self._sleep)
            else:
                attempt()
        except UndeliveredError as error:
            return error
        # Whatever a callback raises, SystemExit included, is no reason to end its thread.
        except BaseException as error:  # noqa: BLE001
            return UndeliveredError(reason(error))
        return None

    def _sleep(self, seconds: float) -> None:
        if self._options.wait(self._closing, seconds):
            raise UndeliveredError("it was closed before another attempt")

    def _finish(self, message: M, error: UndeliveredError | None) -> None:
        outcome: Outcome = "sent"
        if error is not None:
            outcome = "failed" if error.again else "rejected"
        with self._changed:
            self._counts[outcome] += 1
            self._plan.settle(message, outcome)
            steady = self._clock.now()
            if error is None:
                self._circuit.succeeded()
            else:
                self._circuit.failed(steady)
            circuit = self._circuit.state(steady)
            news = self._failing != (error is not None)
            self._failing = error is not None
        self._log(error, circuit, news=news)

    def _log(self, error: UndeliveredError | None, circuit: CircuitState, *, news: bool) -> None:
        # A user's logging handler may raise, which is no reason to end the thread.
        with suppress(Exception):
            if error is None:
                if news:
                    logger.info("receiver %s takes messages again", self.name)
            elif news:
                logger.warning("receiver %s was not told about alerts: %s", self.name, error)
            else:
                logger.debug("receiver %s failed again, circuit %s: %s", self.name, circuit, error)
