"""Sends waiting requests, with retries and backoff, and counts the results."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from vitalspan.bridge.otlp.export_requests import Request
from vitalspan.bridge.otlp.send_queue import SendQueue
from vitalspan.bridge.otlp.transport import ExportError, Transport
from vitalspan.runtime.internal_errors import logger

POINT_RESULTS: Final = ("accepted", "rejected", "dropped")
"""The results of data points: the receiver accepted them; it rejected them for good; there was no
room or no time left."""

REQUEST_RESULTS: Final = ("accepted", "rejected", "failed")
"""The results of attempts to send a request: it was accepted; it was rejected for good; it will be
tried again."""

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0
_LONGEST_REQUESTED: Final = 600.0
"""The maximum number of seconds between two attempts, even if the receiver asks for more."""

_SMALLEST_LIMIT: Final = 16_384


class Sender:
    """Sends the requests of a queue in order, and backs off after failures.

    Args:
        transport: sends one request.
        queue: the requests.
        where: the receiver, for messages.
        timeout: the maximum number of seconds of one request.
        limit: the maximum size of a request in bytes.
        now: a steady clock in seconds.
        jitter: returns a random number between two others.

    Attributes:
        points: the number of data points by result.
        requests: the number of attempts by result.
        not_before: when the next attempt may be made, on the steady clock.
        limit: the maximum size of a request; it is reduced when a receiver says it was too large.
    """

    def __init__(
        self,
        transport: Transport,
        queue: SendQueue,
        *,
        where: str,
        timeout: float,
        limit: int,
        now: Callable[[], float],
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._transport = transport
        self._queue = queue
        self._where = where
        self._timeout = timeout
        self._now = now
        self._jitter = jitter
        self._complaint = ""
        self.limit = limit
        self.reset()

    def reset(self) -> None:
        """Start over from zero."""
        self.points = dict.fromkeys(POINT_RESULTS, 0)
        self.requests = dict.fromkeys(REQUEST_RESULTS, 0)
        self.not_before = 0.0
        self._failures = 0

    def put(self, request: Request) -> None:
        """Add a request to the queue."""
        self.points["dropped"] += self._queue.put(request)

    def send_waiting(self, deadline: float) -> None:
        """Send the waiting requests until one fails, unless the sender is backing off.

        Args:
            deadline: the time on the steady clock at which a request is aborted.
        """
        if self._now() >= self.not_before:
            error = self._send_until(deadline)
            if error is not None:
                self._wait_after(error)

    def send_last(self, deadline: float) -> None:
        """Try to send the waiting requests one last time, and drop the rest.

        Args:
            deadline: the time on the steady clock at which a request is aborted.
        """
        error = self._send_until(deadline)
        dropped = self._queue.clear()
        self.points["dropped"] += dropped
        if dropped:
            why = error or "there was no time left"
            logger.warning("%d data points were not sent to %s: %s", dropped, self._where, why)

    def _send_until(self, deadline: float) -> ExportError | None:
        """Send the waiting requests; return a failure that allows a retry, or None."""
        while True:
            request, now = self._queue.first(), self._now()
            if request is None or now >= deadline:
                return None
            try:
                accepted = self._transport.send(request.body, min(deadline, now + self._timeout))
            except ExportError as error:
                if error.again:
                    self.requests["failed"] += 1
                    return error
                self._give_up(request, error, f"{self._where} refused metrics: {error}")
                continue
            except Exception as error:  # noqa: BLE001 - the next requests may be sent
                # Its text may have a header, which may be a secret.
                kind = type(error).__name__
                self._give_up(request, None, f"metrics cannot be sent to {self._where}: {kind}")
                continue
            self._queue.pop()
            self._failures = 0
            rejected = max(0, min(accepted.rejected, request.points))
            self.requests["accepted"] += 1
            self.points["accepted"] += request.points - rejected
            self.points["rejected"] += rejected
            self._tell_of_acceptance(rejected, accepted.message)

    def _wait_after(self, error: ExportError) -> None:
        backoff = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._failures, 16))
        self._failures += 1
        requested = min(error.wait, _LONGEST_REQUESTED)
        # At least the requested time, and at least half of the backoff.
        pause = requested + self._jitter(backoff / 2, backoff)
        self.not_before = self._now() + pause
        self._complain(
            "waiting",
            f"metrics could not be sent to {self._where}, and will be sent again: {error}",
        )

    def _give_up(self, request: Request, error: ExportError | None, problem: str) -> None:
        self._queue.pop()
        self.requests["rejected"] += 1
        self.points["rejected"] += request.points
        if error is not None and error.too_large and self.limit > _SMALLEST_LIMIT:
            self.limit = max(_SMALLEST_LIMIT, self.limit // 2)
        self._complain("refused", problem)

    def _tell_of_acceptance(self, rejected: int, message: str) -> None:
        if rejected or message:
            what = f"refused {rejected} data points" if rejected else "says"
            self._complain("partial", f"{self._where} accepted metrics, but {what}: {message:.200}")
        elif self._complaint:
            self._complaint = ""
            logger.info("%s accepts metrics again", self._where)

    def _complain(self, kind: str, message: str) -> None:
        # An outage of a whole night is one line in the log.
        if kind != self._complaint:
            self._complaint = kind
            logger.warning("%s", message)
