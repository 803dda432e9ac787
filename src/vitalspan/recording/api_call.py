"""A call to an API in progress, whose usage is recorded when it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from vitalspan.recording.call_record import ERROR
from vitalspan.recording.outcome import outcome_of


class ApiCall:
    """A call to an API, as in `with api.call(model=...) as call`.

    When the block ends, the call is recorded: its duration, the usage that `use` was given, and the
    exception that ended the block, if there was one.

    Args:
        record: counts the call, as `Api.record` does.
        now: returns the time on a steady clock, in seconds.
        model: the model that answers; None if it is not known yet.
        operation: what it is asked for.
    """

    def __init__(
        self,
        record: Callable[..., None],
        now: Callable[[], float],
        model: str | None,
        operation: str,
    ) -> None:
        self._record = record
        self._now = now
        self._model = model
        self._operation = operation
        self._began = now()
        self._first_token: float | None = None
        self._retries = 0
        self._error: BaseException | str | None = None
        self._used: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._began = self._now()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        failed = self._error
        if failed is None and error is not None and outcome_of(error) == ERROR:
            failed = error
        self._record(
            error=failed,
            model=self._used.pop("model", self._model),
            operation=self._operation,
            duration=self._now() - self._began,
            first_token=self._first_token,
            retries=self._retries,
            **self._used,
        )

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.__exit__(kind, error, traceback)

    def first_token(self) -> None:
        """Note that the first part of the answer has arrived; later calls are ignored."""
        if self._first_token is None:
            self._first_token = self._now() - self._began

    def retry(self) -> None:
        """Count another attempt."""
        self._retries += 1

    def use(
        self,
        *,
        model: str | None = None,
        tokens: float | None = None,
        input_tokens: float | None = None,
        output_tokens: float | None = None,
        cached_tokens: float | None = None,
        reasoning_tokens: float | None = None,
        cost: float | None = None,
    ) -> None:
        """Set what the call used, with the arguments of `Api.record`; later values win."""
        said = {
            "model": model,
            "tokens": tokens,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "cached_tokens": cached_tokens,
            "reasoning_tokens": reasoning_tokens,
            "cost": cost,
        }
        self._used.update({name: value for name, value in said.items() if value is not None})

    def fail(self, error: BaseException | str) -> None:
        """Count the call as failed, whether or not the block raises."""
        self._error = error
