"""The common parts of transports: the results of requests, and responses of receivers."""

from __future__ import annotations

import contextlib
from typing import NamedTuple, Protocol

from vitalspan.bridge.protobuf_reader import read_fields


class Accepted(NamedTuple):
    """The response to a request that was accepted; some of its points may be rejected."""

    rejected: int = 0
    message: str = ""


class ExportError(Exception):
    """A request that was not accepted.

    Args:
        reason: a description without secrets.
        again: whether another attempt may succeed.
        wait: the seconds that the receiver asks to wait before the next attempt.
        too_large: whether a smaller request may be accepted.
    """

    def __init__(
        self, reason: str, *, again: bool = False, wait: float = 0.0, too_large: bool = False
    ) -> None:
        super().__init__(reason)
        self.again = again
        self.wait = wait
        self.too_large = too_large


class Transport(Protocol):
    """Sends encoded requests to one receiver."""

    def send(self, body: bytes, deadline: float) -> Accepted:
        """Send a request, whose body is compressed already if that is configured.

        Args:
            body: the body of the request.
            deadline: the time on the steady clock at which the request fails.

        Raises:
            ExportError: if the request was not accepted.
        """

    def abort(self) -> None:
        """Make a request that is running in another thread fail."""


def read_response(body: bytes) -> Accepted:
    """Parse an `ExportMetricsServiceResponse`; an invalid one counts as accepted."""
    rejected, message = 0, ""
    with contextlib.suppress(ValueError):
        for number, value in read_fields(body):
            if number != 1 or not isinstance(value, bytes):
                continue
            for inner, part in read_fields(value):
                if inner == 1 and isinstance(part, int):
                    rejected = part
                elif inner == 2 and isinstance(part, bytes):
                    message = part.decode("utf-8", "replace")
    return Accepted(rejected, message)
