"""The protocol of receivers: endpoints that deliver, plans of what to send, and their error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from vitalspan.rules.alert import Alert
from vitalspan.rules.silences import Silence

Outcome = Literal["sent", "failed", "rejected", "unsent"]
"""The results of messages: the receiver accepted it; it was given up after several attempts; the
receiver rejected it for good; no attempt was made."""


class UndeliveredError(Exception):
    """A message could not be delivered; the text says why, without secrets.

    Args:
        why: the reason.
        again: whether another attempt could succeed.
        wait: the seconds that the receiver asks to wait before the next attempt.
    """

    def __init__(self, why: str, *, again: bool = True, wait: float = 0.0) -> None:
        super().__init__(why)
        self.again = again
        self.wait = wait


def reason(error: BaseException, most: int = 200) -> str:
    """Return the type and the text of an exception as one line.

    Args:
        error: the exception.
        most: the maximum number of characters of its text.
    """
    try:
        text = str(error)[:most]
    # The `__str__` of a user's exception may raise too.
    except Exception:  # noqa: BLE001
        text = ""
    text = "".join(one if one.isprintable() else " " for one in text)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class Message(Protocol):
    """A message to a receiver, made by its plan."""

    @property
    def group(self) -> str:
        """The group of the message: a later message of a group supersedes an earlier one."""


M = TypeVar("M", bound=Message)


class Plan(Protocol[M]):
    """What one receiver was sent, and what it should be sent next. Not thread-safe.

    All times are Unix seconds, as passed to `Dispatcher.tick`.
    """

    def observe(self, alerts: Sequence[Alert], now: float, silences: Sequence[Silence] = ()) -> int:
        """Observe all alerts that fire or were resolved; return how many had to be dropped.

        Args:
            alerts: the alerts, including silenced ones.
            now: the current time.
            silences: all silences that have not ended, for receivers that have silences themselves.
        """

    def due(self, now: float, interval: float) -> list[M]:
        """Return the messages that are due; they count as being sent.

        Args:
            now: the current time.
            interval: seconds until the next call; infinite if there is none, so that nothing is
                held back.
        """

    def settle(self, message: M, outcome: Outcome) -> None:
        """Record the result of a message."""


class Endpoint(ABC, Generic[M]):
    """A destination of messages, with a queue and a thread of its own.

    Attributes:
        retried: whether failed deliveries are tried again.
        timeout: the maximum number of seconds of one attempt.
    """

    retried: ClassVar[bool] = True
    timeout: float

    @abstractmethod
    def plan(self) -> Plan[M]:
        """Return a new plan, for an endpoint that was sent nothing yet."""

    @abstractmethod
    def deliver(self, message: M, receiver: str) -> None:
        """Deliver a message, or raise. Runs in the endpoint's own thread.

        Args:
            message: a message of the plan.
            receiver: the name of the receiver.

        Raises:
            UndeliveredError: if it is known whether and when to try again. Any other exception
                counts as a failed attempt.
        """

    def abort(self) -> None:
        """Make a running delivery fail, if that is possible. Runs in any thread."""

    def end(self) -> None:
        """Release the resources of deliveries. Runs in the endpoint's own thread, at its end."""

    def abandon_in_child(self) -> None:
        """Drop what belongs to the parent. Runs in a forked child."""


class Receiver(Protocol):
    """A receiver of alerts, with one endpoint or several."""

    @property
    def name(self) -> str:
        """The name in metrics and logs; a second receiver of the same name gets a number."""

    def endpoints(self) -> Sequence[Endpoint[Any]]:
        """Return new endpoints; each is sent everything."""
