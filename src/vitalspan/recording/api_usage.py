"""What one call to an API used."""

from __future__ import annotations

from typing import Final, NamedTuple

MODEL_AMOUNTS: Final = (
    *("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"),
    "retries",
)
"""The amounts that are also counted by model."""


class ApiUsage(NamedTuple):
    """The usage of one call to an API.

    Attributes:
        model: the model that answered; empty if the API has no models.
        operation: what the model was asked for, as in `gen_ai.operation.name`.
        input_tokens: all input tokens.
        output_tokens: all output tokens.
        cached_tokens: the input tokens that came from the provider's cache.
        reasoning_tokens: the output tokens that were spent on reasoning.
        cost: the cost in US dollars.
        duration: the duration in seconds; None if it was not measured.
        first_token: seconds until the first token; None if that was not measured.
        retries: the number of attempts after the first one.
        error_type: the error of a failed call; empty if it succeeded.
        tokens: the total of tokens.
    """

    model: str = ""
    operation: str = ""
    input_tokens: float = 0
    output_tokens: float = 0
    cached_tokens: float = 0
    reasoning_tokens: float = 0
    cost: float = 0.0
    duration: float | None = None
    first_token: float | None = None
    retries: float = 0
    error_type: str = ""
    tokens: float = 0

    @property
    def has_details(self) -> bool:
        """True if there is more than the outcome, the total of tokens and the cost."""
        measured = self.duration is not None or self.first_token is not None
        return measured or bool(self.model or self.retries or any(self[2:6]))

    def api_amounts(self) -> dict[str, float]:
        """Return what the call adds to its API, by column."""
        outcome = "errors" if self.error_type else "oks"
        return {outcome: 1, "tokens": self.tokens, "cost": self.cost}

    def model_amounts(self) -> dict[str, float]:
        """Return what the call adds to its model, by column, without its durations."""
        return self.api_amounts() | dict(
            zip(MODEL_AMOUNTS, (*self[2:6], self.retries), strict=True)
        )
