"""The dispatcher: notifies all receivers about alerts, independently of each other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final

from vitalspan.argument_checks import check_whole, seconds_above_0
from vitalspan.clock import Clock, SystemClock
from vitalspan.errors import ConfigurationError
from vitalspan.notify.delivery import Delivery, DeliveryOptions, ReceiverStatus
from vitalspan.notify.receiver import Endpoint, Receiver
from vitalspan.notify.retry import Retry, require
from vitalspan.rules.alert import Alert
from vitalspan.rules.silences import Silence
from vitalspan.runtime import fork
from vitalspan.runtime.internal_errors import logger

_GRACE_SECONDS: Final = 0.5
"""Seconds for threads to end after their deliveries have been aborted."""


class Dispatcher:
    """Notifies receivers about alerts, and remembers what each of them was sent.

    No message is sent before the first `tick`, and no thread runs before there is a message. A
    forked child starts over, as if its receivers had been sent nothing.

    Args:
        receivers: the receivers.
        clock: provides steady time for circuits and retries.
        queue: the maximum number of messages that wait for one receiver.
        retry: the retry policy.
        failures: the number of failed messages in a row after which a receiver is paused.
        pause: seconds of the pause; then one message is tried.
        wait: waits for some seconds, or until the event is set; returns whether it is set.

    Raises:
        ConfigurationError: for an invalid argument.
        MissingExtraError: if a receiver needs the extra `notify`, which is missing.
    """

    def __init__(
        self,
        receivers: Iterable[Receiver] = (),
        clock: Clock | None = None,
        *,
        queue: int = 256,
        retry: Retry | None = None,
        failures: int = 3,
        pause: float = 30.0,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        for name, number in (("queue", queue), ("failures", failures)):
            check_whole(name, number)
        self._clock: Clock = SystemClock() if clock is None else clock
        self._options = DeliveryOptions(
            queue=queue,
            retry=Retry() if retry is None else retry,
            failures=failures,
            pause=seconds_above_0("Dispatcher: pause", pause),
            wait=wait,
        )
        self._lock = threading.RLock()
        self._receivers: tuple[tuple[Receiver, tuple[Delivery[Any], ...]], ...] = ()
        self._closed = False
        self._process = os.getpid()
        fork.reset_in_child(self)
        for receiver in receivers:
            self.add(receiver)

    def add(self, receiver: Receiver) -> None:
        """Add a receiver. It is also notified of alerts that are already firing.

        Raises:
            ConfigurationError: if it is not a receiver, or was added before.
            MissingExtraError: if it needs the extra `notify`, which is missing.
        """
        if not callable(getattr(receiver, "endpoints", None)):
            raise ConfigurationError(
                f"{receiver!r:.80} is not a receiver: use Alertmanager, Webhook, Callback or Log"
            )
        endpoints = receiver.endpoints()
        if any(endpoint.retried for endpoint in endpoints):
            require()
        with self._lock:
            if any(member is receiver for member, _ in self._receivers):
                raise ConfigurationError(f"{receiver!r:.80} has been added already")
            deliveries = self._deliveries_for(receiver.name, endpoints)
            self._receivers = (*self._receivers, (receiver, deliveries))

    def remove(self, receiver: Receiver, timeout: float = 5.0) -> None:
        """Remove a receiver.

        Args:
            receiver: the receiver.
            timeout: seconds that running deliveries may still take.

        Raises:
            ConfigurationError: if it is not among the receivers.
        """
        with self._lock:
            removed = [deliveries for member, deliveries in self._receivers if member is receiver]
            if not removed:
                raise ConfigurationError(f"{receiver!r:.80} is not among the receivers")
            self._receivers = tuple(one for one in self._receivers if one[0] is not receiver)
        _close(removed[0], timeout)

    def tick(
        self,
        alerts: Sequence[Alert],
        now: float,
        interval: float,
        silences: Sequence[Silence] = (),
    ) -> None:
        """Queue what is new for each receiver. It never blocks and never raises.

        Args:
            alerts: all firing alerts, and those resolved in the last 15 minutes, without pending
                ones. An alert that is missing but was sent as firing is sent as resolved.
            now: Unix seconds.
            interval: seconds until the next tick.
            silences: all silences that have not ended; Alertmanagers get the same ones.
        """
        notifiable = [alert for alert in alerts if alert.state != "pending"]
        for delivery in self._deliveries():
            try:
                delivery.enqueue(notifiable, now, interval, silences)
            except Exception:  # noqa: BLE001 - one receiver must not keep it from others
                with suppress(Exception):
                    logger.warning("receiver %s could not be updated", delivery.name, exc_info=True)

    def adopt(self, alerts: Sequence[Alert], now: float, interval: float) -> None:
        """Remember what another process sends to the same receivers, and send nothing.

        Args:
            alerts: as for `tick`.
            now: Unix seconds.
            interval: seconds until the next tick.
        """
        for delivery in self._deliveries():
            delivery.adopt(alerts, now, interval)

    def snapshot(self) -> list[ReceiverStatus]:
        """Return the status of each receiver; an Alertmanager with two servers counts as two."""
        return [delivery.status() for delivery in self._deliveries()]

    def close(self, timeout: float = 5.0) -> None:
        """End all threads; waiting messages are tried once more.

        Args:
            timeout: seconds after which unsent messages are given up.
        """
        self._closed = True
        _close(self._deliveries(), timeout)

    def reset(self) -> None:
        """Start over, as a forked child does by itself: nothing has been sent."""
        receivers, process = self._receivers, self._process
        # At the fork, a thread that does not exist in the child may have held the lock.
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._receivers = ()
        for receiver, _ in receivers:
            self.add(receiver)
        deliveries = [delivery for _, deliveries in receivers for delivery in deliveries]
        if process == self._process:
            _close(deliveries, 0.0)
            return
        for delivery in deliveries:
            delivery.abandon_in_child()

    def _deliveries(self) -> list[Delivery[Any]]:
        return [delivery for _, deliveries in self._receivers for delivery in deliveries]

    def _deliveries_for(
        self, name: str, endpoints: Sequence[Endpoint[Any]]
    ) -> tuple[Delivery[Any], ...]:
        names = {delivery.name for delivery in self._deliveries()}
        deliveries = []
        for endpoint in endpoints:
            free = name
            for number in count(2):
                if free not in names:
                    break
                free = f"{name}-{number}"
            names.add(free)
            delivery = Delivery(free, endpoint, self._clock, self._options)
            if self._closed:
                delivery.begin_closing()
            deliveries.append(delivery)
        return tuple(deliveries)


def _close(deliveries: Iterable[Delivery[Any]], timeout: float) -> None:
    """Close deliveries in parallel."""
    deliveries = list(deliveries)
    for delivery in deliveries:
        delivery.begin_closing()
    # Waiting for threads takes real time, whatever the clock of the alerts is.
    deadline = time.monotonic() + timeout
    for delivery in deliveries:
        delivery.end_closing(deadline - time.monotonic(), _GRACE_SECONDS)
