"""The common parts of transports: outcomes of a request, and answers of receivers."""

from __future__ import annotations

import contextlib
from typing import NamedTuple, Protocol

from vitalspan.bridge.otlp.protobuf_reader import read_fields


class Accepted(NamedTuple):
    """The answer of a receiver that took a request; it may have refused some of its points."""

    rejected: int = 0
    message: str = ""


class ExportError(Exception):
    """A request that was not taken.

    Args:
        reason: in words, without secrets.
        again: whether it is worth another attempt.
        wait: seconds that the receiver asks for before that.
        too_large: whether a smaller request may be taken.
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
        """Send a request, compressed already if that is agreed, and return what was answered.

        Args:
            body: of the request.
            deadline: on the steady clock; what has not ended by then has failed.

        Raises:
            ExportError: if it was not taken.
        """
        ...

    def abort(self) -> None:
        """Make a request that is under way in another thread fail."""
        ...


def read_response(body: bytes) -> Accepted:
    """Read an `ExportMetricsServiceResponse`; what cannot be read says nothing."""
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
