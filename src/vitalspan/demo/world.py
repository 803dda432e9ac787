"""The world outside the shop: a database, a cache, a payment provider, a supplier, a model.

Nothing here is recorded, and nothing leaves the process. Delays, failures and losses depend on the
current phase.
"""

from __future__ import annotations

import asyncio
import mmap
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from vitalspan.demo.phases import Phase

LEAK_LIMIT = 64 * 1024 * 1024
KEPT_COPIES = 160
CACHED_PAGES = 30

# Every visit has its own random numbers, so that they do not depend on how visits overlap.
dice: ContextVar[Random] = ContextVar("dice")


class ShopError(Exception):
    """The base class of all errors of a visit to the shop."""


class CardDeclinedError(ShopError):
    """The customer's bank declined the card."""


class PaymentUnavailableError(ShopError):
    """The payment provider could not take the payment."""


class ModelOverloadedError(ShopError):
    """The recommender is too busy to answer."""


class Advice(NamedTuple):
    """An answer of the recommender, and its cost in tokens."""

    products: list[int]
    tokens: int


class World:
    """The systems that the shop depends on but does not own.

    Args:
        phase: the phase until `enter` changes it.
        sleep: waits for a number of seconds in a coroutine.
        block: waits for a number of seconds in a thread; by default a wait that `close` ends.
    """

    def __init__(
        self,
        phase: Phase,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        block: Callable[[float], object] | None = None,
    ) -> None:
        self._phase = phase
        self._sleep = sleep
        self._closed = threading.Event()
        self._block = block or self._closed.wait
        self._changed = asyncio.Event()
        self._unanswered = False
        self._pages: dict[int, str] = {}
        self._kept: list[mmap.mmap] = []
        self._keeping = threading.Lock()

    def enter(self, phase: Phase) -> None:
        """Switch to a phase; stuck calls continue, and leaked memory is freed."""
        self._phase = phase
        self._unanswered = False
        self._free()
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """End all waits of threads at once, so that the process can end."""
        self._closed.set()

    async def query(self, seconds: float) -> None:
        """Run a database query that usually takes about `seconds`."""
        await self._sleep(self._database_time(seconds))

    def query_blocking(self, seconds: float) -> None:
        """Run the same query from a thread."""
        self._block(self._database_time(seconds))

    async def cached_page(self, product: int) -> str | None:
        """Return the page of a product if it is in the cache."""
        await self._sleep(_spread(0.002))
        if self._phase.cache_cold:
            self._pages.clear()
        return self._pages.get(product)

    def cache_page(self, product: int, page: str) -> None:
        """Put a page into the cache, which drops its oldest page if it is full."""
        self._pages[product] = page
        if len(self._pages) > CACHED_PAGES:
            del self._pages[next(iter(self._pages))]

    async def pay(self) -> None:
        """Take a payment.

        Raises:
            CardDeclinedError: once in a hundred times, as with real cards.
            PaymentUnavailableError: as often as the phase says.
        """
        fate = dice.get().random()
        await self._sleep(_spread(0.06))
        if fate < self._phase.payment_failures:
            raise PaymentUnavailableError("503 from the payment provider")
        if fate > 0.99:
            raise CardDeclinedError("the bank declined the card")

    async def advise(self, product: int) -> Advice:
        """Ask the simulated language model for related products.

        Raises:
            ModelOverloadedError: twice in a hundred times.
        """
        tokens = dice.get().randint(80, 400)
        await self._sleep(_spread(tokens / 4000))
        if dice.get().random() < 0.02:
            raise ModelOverloadedError("the recommender is overloaded")
        return Advice([product + 1, product + 2], tokens)

    async def deliver(self) -> int:
        """Order from the supplier, and return the number of delivered items.

        In a phase with a silent supplier, the first order waits until the phase is over.
        """
        if self._phase.supplier_silent and not self._unanswered:
            self._unanswered = True
            await self._changed.wait()
        await self._sleep(_spread(0.1))
        return dice.get().randint(5, 50)

    def keep(self, document: bytes) -> None:
        """Keep a document and all its drafts in phases with a leak, up to `LEAK_LIMIT` bytes."""
        size = len(document) * KEPT_COPIES
        with self._keeping:
            if self._phase.leaking and self.kept_bytes + size <= LEAK_LIMIT:
                # Separate pages, because an allocator would not return the memory to the system.
                kept = mmap.mmap(-1, size)
                for _ in range(KEPT_COPIES):
                    kept.write(document)
                self._kept.append(kept)

    @property
    def kept_bytes(self) -> int:
        """The number of bytes that have leaked in this phase."""
        return sum(map(len, self._kept))

    def _free(self) -> None:
        with self._keeping:
            while self._kept:
                self._kept.pop().close()

    def _database_time(self, seconds: float) -> float:
        return _spread(seconds) * self._phase.database_factor


def _spread(seconds: float) -> float:
    """Return a random duration as in real life: mostly near the usual one, sometimes longer."""
    return seconds * min(dice.get().lognormvariate(0.0, 0.4), 4.0)
