"""Retries with exponential backoff and jitter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitalspan.argument_checks import check_whole, seconds_above_0
from vitalspan.errors import MissingExtraError
from vitalspan.notify.receiver import UndeliveredError
from vitalspan.runtime.fork import imports_finish_first

if TYPE_CHECKING:
    import tenacity


@dataclass(frozen=True)
class Retry:
    """The retry policy: the number of attempts to send a message, and the time they may take.

    Attributes:
        attempts: the maximum number of attempts, including the first one.
        first: seconds until the second attempt; later waits double each time, and up to as much
            again is added at random.
        longest: the maximum number of seconds between two attempts, even if a receiver asks for
            more.
        total: seconds after which no further attempt begins.

    Raises:
        ConfigurationError: for an invalid number.
    """

    attempts: int = 3
    first: float = 1.0
    longest: float = 30.0
    total: float = 60.0

    def __post_init__(self) -> None:
        check_whole("Retry: attempts", self.attempts)
        for name in ("first", "longest", "total"):
            seconds_above_0(f"Retry: {name}", getattr(self, name))


def require() -> None:
    """Check that the retry library is installed.

    Raises:
        MissingExtraError: if tenacity is not installed.
    """
    try:
        with imports_finish_first:
            import tenacity  # noqa: F401, PLC0415 - only who has receivers needs it
    except ImportError:
        raise MissingExtraError("sending alerts to receivers", "notify") from None


def with_retries(
    attempt: Callable[[], None],
    policy: Retry,
    *,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Call a function until it succeeds or its retries are used up; then raise its last error.

    Args:
        attempt: the function.
        policy: the number of attempts and their pauses.
        now: a steady clock in seconds.
        sleep: waits for some seconds; it may raise to end the retries.
    """
    import tenacity  # noqa: PLC0415 - `require` has been asked

    began = now()
    backoff = tenacity.wait_exponential(multiplier=policy.first, max=policy.longest)
    jitter = tenacity.wait_random(1, 2)

    def wait(state: tenacity.RetryCallState) -> float:
        requested = getattr(_error(state), "wait", 0.0)
        return min(policy.longest, max(requested, backoff(state)) * jitter(state))

    def is_over(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= policy.attempts or now() - began >= policy.total

    retrying = tenacity.Retrying(
        sleep=sleep,
        stop=is_over,
        wait=wait,
        retry=tenacity.retry_if_exception(_is_worth_it),
        reraise=True,
    )
    retrying(attempt)


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


def _is_worth_it(error: BaseException) -> bool:
    return not isinstance(error, UndeliveredError) or error.again
