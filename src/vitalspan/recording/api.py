"""Calls to an API, the tokens they use and the dollars they cost, and the models that answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from vitalspan.labels import value_text
from vitalspan.metrics import OVERFLOW
from vitalspan.recording.api_call import ApiCall
from vitalspan.recording.api_usage import ApiUsage
from vitalspan.recording.enclosing_sessions import CountedKey, EnclosingSession
from vitalspan.recording.lock_free_counter import LockFreeCounter, amount_of
from vitalspan.recording.model_amounts import DURATION, FIRST_TOKEN, GRID, columns_of
from vitalspan.recording.model_counter import ModelCounter
from vitalspan.recording.outcome import error_type_of
from vitalspan.recording.pickling import MonitorPart, rebuild
from vitalspan.recording.prices import PriceTable
from vitalspan.runtime.internal_errors import InternalErrors

MAX_MODELS: Final = 100
"""The maximum number of models of an API; further ones are counted as `_overflow`."""


class UsageRecorder(Protocol):
    """Counts the usage of APIs by model."""

    def record(self, component: str, api: str, usage: ApiUsage) -> None:
        """Count one call."""


class Recording(Protocol):
    """The parts that all APIs of one monitor share."""

    enabled: bool
    now: Callable[[], float]
    usage: UsageRecorder | None
    internal_errors: InternalErrors
    open_sessions: Mapping[int, EnclosingSession]

    @property
    def prices(self) -> PriceTable:
        """The prices of models."""

    def add_to_session(self, counted: CountedKey, column: str, amount: float = 1) -> None:
        """Add an amount to the sessions around the current code; it never raises."""


class Api(MonitorPart):
    """Calls to one API, with their tokens and their cost in US dollars."""

    __slots__ = ("_recording", "component", "cost", "errors", "models", "name", "oks", "tokens")

    def __init__(self, component: str, name: str, recording: Recording) -> None:
        self.component = component
        self.name = name
        self.oks = LockFreeCounter()
        self.errors = LockFreeCounter()
        self.tokens = LockFreeCounter()
        self.cost = LockFreeCounter()
        self.models: dict[str, ModelCounter] = {}
        """What each model has counted."""
        self._recording = recording

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ("api", self.name, self.component)

    def record(
        self,
        *,
        tokens: float | None = None,
        cost: float | None = None,
        error: BaseException | str | None = None,
        model: str | None = None,
        operation: str = "chat",
        input_tokens: float = 0,
        output_tokens: float = 0,
        cached_tokens: float = 0,
        reasoning_tokens: float = 0,
        duration: float | None = None,
        first_token: float | None = None,
        retries: int = 0,
    ) -> None:
        """Count one call.

        An amount that a counter cannot take is left out, counted as an internal error and logged
        once; this method never raises.

        Args:
            tokens: the tokens that the call used; by default the sum of its input and output
                tokens.
            cost: the cost in US dollars; by default the model's price from `monitor.prices`.
            error: what went wrong; None if the call succeeded.
            model: the model that answered. It becomes a label, so there should only be a few.
            operation: what was asked for: `chat`, `embeddings`, ... as in `gen_ai.operation.name`.
            input_tokens: tokens of the prompt, including those from the provider's cache.
            output_tokens: tokens of the answer, including those spent on reasoning.
            cached_tokens: the input tokens that came from the provider's cache.
            reasoning_tokens: the output tokens that were spent on reasoning.
            duration: seconds that the call took.
            first_token: seconds until the first token of a streamed answer arrived.
            retries: the number of attempts after the first one.
        """
        if not self._recording.enabled:
            return
        amount = self._amount
        usage = ApiUsage(
            model=value_text(model or ""),
            operation=value_text(operation),
            input_tokens=amount("input_tokens", input_tokens) or 0,
            output_tokens=amount("output_tokens", output_tokens) or 0,
            cached_tokens=amount("cached_tokens", cached_tokens) or 0,
            reasoning_tokens=amount("reasoning_tokens", reasoning_tokens) or 0,
            duration=None if duration is None else amount("duration", duration),
            first_token=None if first_token is None else amount("first_token", first_token),
            retries=amount("retries", retries) or 0,
            error_type=_error_type(error),
        )
        if tokens is None:
            tokens = usage.input_tokens + usage.output_tokens
        if cost is None:
            cost = self._priced(usage)
        usage = usage._replace(tokens=amount("tokens", tokens) or 0, cost=amount("cost", cost) or 0)
        self._count(usage)
        if usage.has_details:
            self._record_usage(usage)

    def _count(self, usage: ApiUsage) -> None:
        """Add a call to the counters of the API, of its model and of the open sessions."""
        (self.errors if usage.error_type else self.oks).add()
        if usage.tokens:
            self.tokens.add(usage.tokens)
        if usage.cost:
            self.cost.add(usage.cost)
        if usage.model:
            self._counter_of(usage.model).add(usage)
        if self._recording.open_sessions:
            self._count_in_session(usage)

    def call(self, *, model: str | None = None, operation: str = "chat") -> ApiCall:
        """Return a context manager that times and records a call, for `with` or `async with`.

        Args:
            model: the model that answers, if it is known before the call.
            operation: what it is asked for: `chat`, `embeddings`, ...
        """
        return ApiCall(self.record, self._recording.now, model, operation)

    def counters(self) -> Iterator[LockFreeCounter]:
        """Yield every counter."""
        yield from (self.oks, self.errors, self.tokens, self.cost)

    def _counter_of(self, model: str) -> ModelCounter:
        counter = self.models.get(model)
        if counter is None:
            bounded = model if len(self.models) < MAX_MODELS else OVERFLOW
            counter = self.models.setdefault(bounded, ModelCounter())
        return counter

    def _count_in_session(self, usage: ApiUsage) -> None:
        self._add_to_session("api", "", usage.api_amounts())
        if usage.model:
            amounts = usage.model_amounts()
            for name, seconds in (DURATION, usage.duration), (FIRST_TOKEN, usage.first_token):
                if seconds is not None:
                    amounts |= columns_of(name, seconds, {GRID.bucket(seconds): 1})
            self._add_to_session("model", usage.model, amounts)

    def _add_to_session(self, kind: str, model: str, amounts: Mapping[str, float]) -> None:
        counted: CountedKey = (kind, self.component, self.name, model)
        for column, amount in amounts.items():
            if amount:
                self._recording.add_to_session(counted, column, amount)

    def _priced(self, usage: ApiUsage) -> float:
        price = self._recording.prices.find(usage.model) if usage.model else None
        if price is None:
            return 0.0
        return price.cost(*usage[2:6])

    def _record_usage(self, usage: ApiUsage) -> None:
        recorder = self._recording.usage
        if recorder is None:
            return
        try:
            recorder.record(self.component, self.name, usage)
        except Exception:  # noqa: BLE001 - the user's call must not fail
            self._recording.internal_errors.note("api", "the usage of a model could not be counted")

    def _amount(self, what: str, amount: float) -> float | None:
        """Return an amount; None if a counter cannot take it."""
        try:
            return amount_of(amount)
        except ValueError as fault:
            message = f"the {what} of a call to {self.name!r:.80} could not be counted: {fault}"
            self._recording.internal_errors.note("api", message, trace=False)
            return None


def _error_type(error: BaseException | str | None) -> str:
    if error is None:
        return ""
    if isinstance(error, BaseException):
        return error_type_of(error)
    # A text may be anything, and labels need to be bounded.
    return "_OTHER"
