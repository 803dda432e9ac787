"""Tells every receiver about alerts, each in its own time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final

from vitalspan.clock import Clock, SystemClock
from vitalspan.errors import ConfigurationError
from vitalspan.notify.lane import Lane, Options, ReceiverStatus
from vitalspan.notify.receiver import Outlet, Receiver
from vitalspan.notify.retry import Retry, require
from vitalspan.notify.target import seconds
from vitalspan.record import fork
from vitalspan.record.faults import logger
from vitalspan.rules.alert import Alert

_GRACE_SECONDS: Final = 0.5
"""For threads to end whose deliveries have been aborted."""


class Dispatcher:
    """Receivers and what each of them has been told.

    Nothing is told before the first `tick`, and no thread runs before there is something to tell.
    A forked child begins anew: its receivers have been told nothing.

    Args:
        receivers: who is told.
        clock: whose steady time circuits and retries follow.
        queue: messages that wait for one receiver at most.
        retry: how often a message is tried.
        failures: failed messages in a row after which a receiver is left alone for a while.
        pause: seconds of that while; then one message is tried.
        wait: waits for some seconds, or until the event is set; returns whether it is.

    Raises:
        ConfigurationError: for what cannot be.
        MissingExtraError: if a receiver needs the extra `notify` and that is missing.
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
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ConfigurationError(f"{name}={number!r:.80}: give a whole number from 1 up")
        self._clock: Clock = SystemClock() if clock is None else clock
        self._options = Options(
            queue=queue,
            retry=Retry() if retry is None else retry,
            failures=failures,
            pause=seconds("Dispatcher", "pause", pause),
            wait=wait,
        )
        self._lock = threading.RLock()
        self._receivers: tuple[tuple[Receiver, tuple[Lane[Any], ...]], ...] = ()
        self._closed = False
        self._process = os.getpid()
        fork.reset_in_child(self)
        for receiver in receivers:
            self.add(receiver)

    def add(self, receiver: Receiver) -> None:
        """Tell a receiver too: first of all what fires already.

        Raises:
            ConfigurationError: if it is no receiver, or is told already.
            MissingExtraError: if it needs the extra `notify` and that is missing.
        """
        if not callable(getattr(receiver, "outlets", None)):
            raise ConfigurationError(
                f"{receiver!r:.80} is no receiver: use Alertmanager, Webhook, Callback or Log"
            )
        outlets = receiver.outlets()
        if any(outlet.retried for outlet in outlets):
            require()
        with self._lock:
            if any(known is receiver for known, _ in self._receivers):
                raise ConfigurationError(f"{receiver!r:.80} is a receiver already")
            lanes = self._lanes_for(receiver.name, outlets)
            self._receivers = (*self._receivers, (receiver, lanes))

    def remove(self, receiver: Receiver, timeout: float = 5.0) -> None:
        """Tell a receiver no more.

        Args:
            receiver: one that was added.
            timeout: seconds that what is under way may take.

        Raises:
            ConfigurationError: if it is not told.
        """
        with self._lock:
            gone = [lanes for known, lanes in self._receivers if known is receiver]
            if not gone:
                raise ConfigurationError(f"{receiver!r:.80} is not among the receivers")
            self._receivers = tuple(one for one in self._receivers if one[0] is not receiver)
        _close(gone[0], timeout)

    def tick(self, alerts: Sequence[Alert], now: float, interval: float) -> None:
        """Queue what is new to each receiver; never waits for one, and never raises.

        Args:
            alerts: all that fire, and those resolved in the last 15 minutes; pending ones are
                left out. An alert that is missing and was told to fire is told to be over.
            now: Unix seconds.
            interval: seconds until the next tick.
        """
        told = [alert for alert in alerts if alert.state != "pending"]
        for lane in self._lanes():
            try:
                lane.offer(told, now, interval)
            except Exception:  # noqa: BLE001, PERF203 - one receiver must not keep it from others
                with suppress(Exception):
                    logger.warning("receiver %s was left out", lane.name, exc_info=True)

    def snapshot(self) -> list[ReceiverStatus]:
        """Return how it goes with each receiver; an Alertmanager of two servers counts as two."""
        return [lane.status() for lane in self._lanes()]

    def close(self, timeout: float = 5.0) -> None:
        """End all threads; what waits is tried once more.

        Args:
            timeout: seconds after which what is not done is given up.
        """
        self._closed = True
        _close(self._lanes(), timeout)

    def reset(self) -> None:
        """Begin anew, as a forked child does by itself: nobody has been told anything."""
        known, process = self._receivers, self._process
        # A fork may have come while a thread, which the child has not, held the lock.
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._receivers = ()
        for receiver, _ in known:
            self.add(receiver)
        lanes = [lane for _, lanes in known for lane in lanes]
        if process == self._process:
            _close(lanes, 0.0)
            return
        for lane in lanes:
            lane.disown()

    def _lanes(self) -> list[Lane[Any]]:
        return [lane for _, lanes in self._receivers for lane in lanes]

    def _lanes_for(self, name: str, outlets: Sequence[Outlet[Any]]) -> tuple[Lane[Any], ...]:
        taken = {lane.name for lane in self._lanes()}
        lanes = []
        for outlet in outlets:
            free = name
            for number in count(2):
                if free not in taken:
                    break
                free = f"{name}-{number}"
            taken.add(free)
            lane = Lane(free, outlet, self._clock, self._options)
            if self._closed:
                lane.begin_closing()
            lanes.append(lane)
        return tuple(lanes)


def _close(lanes: Iterable[Lane[Any]], timeout: float) -> None:
    """End lanes, all at the same time."""
    lanes = list(lanes)
    for lane in lanes:
        lane.begin_closing()
    # Threads are waited for in real time, whatever the clock of the alerts is.
    deadline = time.monotonic() + timeout
    for lane in lanes:
        lane.end_closing(deadline - time.monotonic(), _GRACE_SECONDS)
