"""What the dispatcher asks of a receiver, and what a receiver says when it cannot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from vitalspan.rules.alert import Alert

Outcome = Literal["sent", "failed", "rejected", "untold"]
"""What became of a message: taken; given up after several attempts; refused for good; not tried."""


class UndeliveredError(Exception):
    """A message that did not get through; the text says why, without secrets.

    Args:
        why: the reason.
        again: whether another attempt could do better.
        wait: seconds that the receiver asks to be left alone for.
    """

    def __init__(self, why: str, *, again: bool = True, wait: float = 0.0) -> None:
        super().__init__(why)
        self.again = again
        self.wait = wait


def reason(error: BaseException, most: int = 200) -> str:
    """Return what went wrong in one line.

    Args:
        error: what was raised.
        most: characters.
    """
    try:
        said = str(error)[:most]
    # What a user's exception does to be shown may fail too.
    except Exception:  # noqa: BLE001
        said = ""
    said = "".join(one if one.isprintable() else " " for one in said)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class Message(Protocol):
    """Something to deliver."""

    @property
    def group(self) -> str:
        """What it is about: a later message of the same group supersedes an earlier one."""
        ...


M = TypeVar("M", bound=Message)


class Plan(Protocol[M]):
    """What one receiver has been told, and what it is still to be told. Not thread-safe.

    All times are Unix seconds, as the caller of `Dispatcher.tick` gives them.
    """

    def observe(self, alerts: Sequence[Alert], now: float) -> int:
        """Take note of all alerts that fire or were resolved; return how many were forgotten."""
        ...

    def due(self, now: float, interval: float) -> list[M]:
        """Return the messages that say what is new; they count as under way."""
        ...

    def settle(self, message: M, outcome: Outcome) -> None:
        """Take note of what became of a message."""
        ...


class Outlet(ABC, Generic[M]):
    """One place that messages go to, with a queue and a thread of its own.

    Attributes:
        retried: whether a failed delivery is tried again.
        timeout: seconds that one attempt takes at most.
    """

    retried: ClassVar[bool] = True
    timeout: float

    @abstractmethod
    def plan(self) -> Plan[M]:
        """Return a new plan: nothing has been told."""

    @abstractmethod
    def deliver(self, message: M, receiver: str) -> None:
        """Hand a message over, or raise. Runs in the outlet's own thread.

        Args:
            message: one that the plan has made.
            receiver: the name by which the receiver is known.
        """

    def abort(self) -> None:
        """Make a delivery that is under way fail, where that is possible. Runs in any thread."""

    def end(self) -> None:
        """Let go of what deliveries need. Runs in the outlet's own thread, which ends."""

    def disown(self) -> None:
        """Forget what belongs to the parent. Runs in a forked child."""


class Receiver(Protocol):
    """Someone who is told about alerts.

    Attributes:
        name: by which it is known, unless another one has this name.
    """

    @property
    def name(self) -> str:
        """By which it is known, unless another receiver has this name already."""
        ...

    def outlets(self) -> Sequence[Outlet[Any]]:
        """Return new outlets; each is told everything."""
        ...
