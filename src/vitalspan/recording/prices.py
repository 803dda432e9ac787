"""Prices of model calls: a table that the user provides, because vitalspan knows no prices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from vitalspan.argument_checks import is_number
from vitalspan.errors import ConfigurationError
from vitalspan.words import shown, suggestion

MILLION: Final = 1_000_000

MAX_PRICES: Final = 1000
"""The maximum number of models in a table."""


class Price(NamedTuple):
    """The price of a model, in US dollars.

    Attributes:
        input: the price of a million input tokens.
        output: the price of a million output tokens.
        cached: the price of a million input tokens from the provider's cache; None is as `input`.
        reasoning: the price of a million output tokens spent on reasoning; None is as `output`.
        call: the price of one call, whatever it used.
    """

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None
    reasoning: float | None = None
    call: float = 0.0

    def cost(self, input_tokens: float, output_tokens: float, cached: float, of: float) -> float:
        """Return the cost of one call in US dollars.

        Args:
            input_tokens: all input tokens.
            output_tokens: all output tokens.
            cached: the input tokens that came from the cache.
            of: the output tokens that were spent on reasoning.
        """
        cached_price = self.input if self.cached is None else self.cached
        reasoning_price = self.output if self.reasoning is None else self.reasoning
        tokens = (
            max(0.0, input_tokens - cached) * self.input
            + cached * cached_price
            + max(0.0, output_tokens - of) * self.output
            + of * reasoning_price
        )
        return tokens / MILLION + self.call


class PriceTable:
    """Prices by model, which provide the cost of calls that do not give it themselves.

    Calls with other prices pass their own `cost=`.
    """

    def __init__(self) -> None:
        self._prices: dict[str, Price] = {}

    def __len__(self) -> int:
        return len(self._prices)

    def set(
        self,
        model: str,
        *,
        input: float = 0.0,  # noqa: A002 - the word of every price list
        output: float = 0.0,
        cached: float | None = None,
        reasoning: float | None = None,
        call: float = 0.0,
    ) -> None:
        """Set the prices of a model, in US dollars.

        Args:
            model: its name, or a pattern such as `large-*`. The longest matching pattern wins.
            input: the price of a million input tokens.
            output: the price of a million output tokens.
            cached: the price of a million input tokens from the provider's cache; None is as
                `input`.
            reasoning: the price of a million output tokens spent on reasoning; None is as `output`.
            call: the price of one call, whatever it uses.

        Raises:
            ConfigurationError: for an invalid price, and for too many models.
        """
        price = Price(input, output, cached, reasoning, call)
        for name, amount in price._asdict().items():
            if amount is not None and not _is_amount(amount):
                raise ConfigurationError(
                    f"the {name} price of {shown(model)} is {amount!r:.80}: use dollars, 0 or more"
                )
        if not isinstance(model, str) or not model:
            raise ConfigurationError(
                f"{model!r:.80} is not a model: use the name of a model or a pattern"
            )
        if model not in self._prices and len(self._prices) >= MAX_PRICES:
            raise ConfigurationError(
                f"a price table can have {MAX_PRICES} models at "
                "most: use patterns for similar models"
            )
        self._prices = {**self._prices, model: price}

    def replace(self, prices: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace all prices: a mapping of models to the arguments of `set`.

        Raises:
            ConfigurationError: for anything that `set` refuses; the old prices are then kept.
        """
        table = PriceTable()
        for model, price in prices.items():
            unknown = sorted(set(price) - set(Price._fields))
            if unknown:
                hint = suggestion(unknown[0], Price._fields)
                raise ConfigurationError(
                    f"the price of {shown(model)} has no {shown(unknown[0])}: {hint}"
                )
            table.set(model, **price)
        self._prices = table._prices

    def clear(self) -> None:
        """Remove all prices."""
        self._prices = {}

    def find(self, model: str) -> Price | None:
        """Return the price of a model; None if the table does not have it."""
        prices = self._prices
        if model in prices:
            return prices[model]
        fitting = [pattern for pattern in prices if fnmatchcase(model, pattern)]
        return prices[max(fitting, key=len)] if fitting else None


def _is_amount(value: object) -> bool:
    return is_number(value) and math.isfinite(value) and value >= 0
