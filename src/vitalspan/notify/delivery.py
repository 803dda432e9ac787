"""Delivers messages to one endpoint: a bounded queue, retries and a circuit breaker."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Generic

from vitalspan.clock import Clock
from vitalspan.notify.circuit_breaker import CircuitBreaker, CircuitState
from vitalspan.notify.receiver import Endpoint, M, Outcome, UndeliveredError, reason
from vitalspan.notify.retry import Retry, with_retries
from vitalspan.rules.alert import Alert
from vitalspan.rules.silences import Silence
from vitalspan.runtime.internal_errors import logger
from vitalspan.runtime.worker_queue import WorkerQueue

RESULTS: Final = ("sent", "failed", "rejected", "dropped")
"""The results of messages: the receiver accepted it; it was given up after several attempts; the
receiver rejected it for good; it was dropped because the queue was full."""

_OVERDUE: Final = 2
"""The number of timeouts after which a delivery counts as hanging."""


@dataclass(frozen=True)
class DeliveryOptions:
    """The limits and timings that all deliveries of a dispatcher share.

    Attributes:
        queue: the maximum number of waiting messages.
        retry: the retry policy.
        failures: the number of failed messages in a row that open the circuit.
        pause: seconds that it stays open.
        wait: waits for some seconds, or until an event is set; returns whether it is set.
    """

    queue: int = 256
    retry: Retry = field(default_factory=Retry)
    failures: int = 3
    pause: float = 30.0
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait


@dataclass(frozen=True)
class ReceiverStatus:
    """The status of one receiver.

    Attributes:
        name: the name of the receiver.
        circuit: `closed`; `open`: paused after failures; `half_open`: being tried again.
        results: the number of messages for each of `RESULTS`.
        queued: the number of waiting messages.
    """

    name: str
    circuit: CircuitState
    results: Mapping[str, int]
    queued: int


class Delivery(Generic[M]):
    """Delivers messages to one endpoint in a thread of its own, so that it delays no other.

    Args:
        name: the name of the receiver.
        endpoint: the endpoint.
        clock: provides steady time for the circuit.
        options: the limits and timings.
    """

    def __init__(
        self, name: str, endpoint: Endpoint[M], clock: Clock, options: DeliveryOptions
    ) -> None:
        self.name = name
        self._endpoint = endpoint
        self._clock = clock
        self._options = options
        self._plan = endpoint.plan()
        self._circuit = CircuitBreaker(options.failures, options.pause)
        self._queue: WorkerQueue[M] = WorkerQueue(
            f"vitalspan-notify-{name}", options.queue, self._handle, endpoint.end
        )
        self._lock = self._queue.lock
        self._counts = dict.fromkeys(RESULTS, 0)
        self._attempted_at: float | None = None
        self._observed_at: float | None = None
        self._abandoned = False
        self._failing = False
        self._failure = ""
        self._error: UndeliveredError | None = None
        self._left = 0
        """The number of messages that were never tried before the delivery was closed."""

    def enqueue(
        self,
        alerts: Sequence[Alert],
        now: float,
        interval: float,
        silences: Sequence[Silence] = (),
    ) -> None:
        """Queue what is new to the receiver, without blocking.

        Args:
            alerts: all alerts that are firing or were resolved recently.
            now: Unix seconds.
            interval: seconds until this is called again.
            silences: all silences that have not ended.
        """
        with self._lock:
            if self._queue.closed.is_set():
                return
            steady = self._clock.now()
            self._interrupt_overdue(steady)
            self._counts["dropped"] += self._plan.observe(alerts, now, silences)
            self._observed_at = now
            if self._circuit.state(steady) == "open":
                return
            self._put_due(now, interval)

    def adopt(self, alerts: Sequence[Alert], now: float, interval: float) -> None:
        """Treat everything that is due as sent, because another process sends it.

        A receiver that expects repetitions, such as Alertmanager, is left as it is.

        Args:
            alerts: all alerts that are firing or were resolved recently.
            now: Unix seconds.
            interval: seconds until this is called again.
        """
        adopt = getattr(self._plan, "adopt", None)
        if adopt is not None:
            with self._lock:
                adopt(alerts, now, interval)

    def status(self) -> ReceiverStatus:
        """Return the status of the receiver."""
        with self._lock:
            circuit = self._circuit.state(self._clock.now())
            return ReceiverStatus(self.name, circuit, dict(self._counts), len(self._queue))

    def begin_closing(self) -> None:
        """Accept no more alerts. Waiting messages, also those of groups, are tried once."""
        with self._lock:
            if self._observed_at is not None and not self._queue.closed.is_set():
                self._put_due(self._observed_at, math.inf)
        self._queue.close()

    def end_closing(self, seconds: float, grace: float) -> None:
        """Wait for the end of the thread.

        Args:
            seconds: the time after which waiting messages are dropped and a running delivery is
                aborted.
            grace: further seconds to wait for the thread after that.
        """
        if not self._queue.join(seconds):
            with self._lock:
                self._abandoned = True
                self._left += self._queue.clear()
                self._counts["dropped"] += self._left
            self._endpoint.abort()
            self._queue.join(grace)
        self._log_undelivered()

    def abandon_in_child(self) -> None:
        """Leave the connection to the parent process; a forked child replaces this object."""
        self._endpoint.abandon_in_child()

    def _interrupt_overdue(self, steady: float) -> None:
        began = self._attempted_at
        if began is not None and steady - began > _OVERDUE * self._endpoint.timeout:
            self._circuit.trip(steady)
            self._endpoint.abort()

    def _put_due(self, now: float, interval: float) -> None:
        for message in self._plan.due(now, interval):
            self._put(message)
        self._queue.wake()

    def _put(self, message: M) -> None:
        """Queue a message; in a full queue it replaces the oldest one of its group.

        If there is none, it waits for a later tick, which treats it as new again.
        """
        left_out = self._queue.put(message, lambda old: old.group == message.group)
        if left_out is not None:
            self._plan.settle(left_out, "unsent")
            self._counts["dropped"] += left_out is not message

    def _handle(self, message: M) -> None:
        with self._lock:
            if not self._circuit.admits(self._clock.now()):
                # It would become outdated; the state when the circuit closes will be sent then.
                self._plan.settle(message, "unsent")
                return
        self._finish(message, self._deliver(message))

    def _deliver(self, message: M) -> UndeliveredError | None:
        """Try to deliver a message, with retries; return the last error, if any."""

        def attempt() -> None:
            if self._abandoned:
                raise UndeliveredError("it was closed", again=False)
            self._attempted_at = self._clock.now()
            try:
                self._endpoint.deliver(message, self.name)
            except Exception as error:
                self._failure = str(error) if isinstance(error, UndeliveredError) else reason(error)
                raise
            finally:
                self._attempted_at = None

        try:
            if self._endpoint.retried:
                with_retries(attempt, self._options.retry, now=self._clock.now, sleep=self._sleep)
            else:
                attempt()
        except UndeliveredError as error:
            return error
        # Whatever a callback raises, even SystemExit, must not end its thread.
        except BaseException as error:  # noqa: BLE001
            return UndeliveredError(reason(error))
        return None

    def _sleep(self, seconds: float) -> None:
        if self._options.wait(self._queue.closed, seconds):
            raise UndeliveredError(f"{self._failure}; it was closed before another attempt")

    def _finish(self, message: M, error: UndeliveredError | None) -> None:
        outcome: Outcome = "sent"
        if error is not None:
            outcome = "failed" if error.again else "rejected"
        with self._lock:
            self._counts[outcome] += 1
            self._plan.settle(message, outcome)
            steady = self._clock.now()
            if error is None:
                self._circuit.succeeded()
            else:
                self._circuit.failed(steady)
            circuit = self._circuit.state(steady)
            self._error = error
            news = self._failing != (error is not None)
            self._failing = error is not None
        self._log(error, circuit, news=news)

    def _log_undelivered(self) -> None:
        """Log the last failure of a receiver that was closed with undelivered messages."""
        with self._lock:
            error, left, self._error, self._left = self._error, self._left, None, 0
        if error is None and not left:
            return
        with suppress(Exception):
            logger.warning(
                "receiver %s was closed before it got the latest alerts: %s",
                self.name,
                error or f"there was no time left to send {left} messages",
            )

    def _log(self, error: UndeliveredError | None, circuit: CircuitState, *, news: bool) -> None:
        # A user's logging handler may raise, which must not end the thread.
        with suppress(Exception):
            if error is None:
                if news:
                    logger.info("receiver %s accepts messages again", self.name)
            elif news:
                logger.warning("alerts could not be sent to receiver %s: %s", self.name, error)
            else:
                logger.debug("receiver %s failed again, circuit %s: %s", self.name, circuit, error)
