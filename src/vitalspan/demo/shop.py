"""The shop itself, written as usual. Read this file to see how the library is used.

It has everything that customers wait for; the rest is in `back_office`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from opentelemetry import trace

import vitalspan as vs
from vitalspan.demo.world import ModelOverloadedError, ShopError, World

if TYPE_CHECKING:
    from vitalspan.demo.back_office import Mailer

BESTSELLERS = [1, 2, 3]
DOLLARS_PER_TOKEN = 2e-6

# Hits, misses, tokens and dollars are counted where they happen.
pages = vs.cache("product_pages", component="storefront")
recommender = vs.api("recommender", component="storefront")
provider = vs.api("payment_provider", component="payments")


class Shop:
    """The storefront, search, payments and inventory of a shop."""

    def __init__(self, world: World, mailer: Mailer) -> None:
        self._world = world
        self._mailer = mailer

    # A coroutine is recorded from its first step to its last, not when it is created.
    @vs.operation("browse", component="storefront")
    async def browse(self, product: int) -> str:
        """Show the page of a product."""
        page = await self._world.cached_page(product)
        if page is not None:
            pages.hit()
            return page
        pages.miss()
        page = await self._build_page(product)
        self._world.cache_page(product, page)
        return page

    @vs.operation("build_page", component="storefront")
    async def _build_page(self, product: int) -> str:
        await self._world.query(0.03)
        try:
            async with recommender.call(model="suggest-1") as call:
                advice = await self._world.advise(product)
                call.first_token()
                question = advice.tokens // 2
                call.use(
                    input_tokens=question,
                    output_tokens=advice.tokens - question,
                    cost=advice.tokens * DOLLARS_PER_TOKEN,
                )
        except ModelOverloadedError:
            return f"<h1>{product}</h1>"
        return f"<h1>{product}</h1> goes with {advice.products}"

    # A search that takes longer than `slow` seconds is profiled: the page shows where its time
    # went.
    @vs.operation("search", component="search", slow=0.1)
    async def search(self, text: str) -> list[int]:
        """Find products; a search that takes too long shows the bestsellers instead."""
        try:
            # The timeout cancels `rank`, which counts as neither success nor error.
            return await asyncio.wait_for(self._rank(words_of(text)), timeout=0.25)
        except TimeoutError:
            return BESTSELLERS

    @vs.operation("rank", component="search", attributes={"search.index": "products"})
    async def _rank(self, words: list[str]) -> list[int]:
        await self._world.query(0.04)
        return [len(word) for word in words]

    async def checkout(self, order: int, product: int, *, tier: str) -> None:
        """Sell a product.

        Raises:
            ShopError: if the payment fails.
        """
        # A context manager accepts labels whose values are only known now. They should have few
        # values: the order's number is an attribute of the span, which may always be different.
        with vs.operation("checkout", component="storefront", labels={"tier": tier}) as call:
            call.set_attribute("order", order)
            # Spans keep their parents across threads, tasks and timeouts.
            await asyncio.to_thread(self._reserve, product)
            await self._charge()
            self._mailer.confirm(order)

    @vs.operation("reserve", component="inventory")
    def _reserve(self, product: int) -> None:
        # The call's span is the current one, so the API of OpenTelemetry can use it.
        trace.get_current_span().set_attribute("product", product)
        self._world.query_blocking(0.01)

    @vs.operation("charge", component="payments")
    async def _charge(self) -> None:
        try:
            await self._world.pay()
        except ShopError as error:
            provider.record(error=error)
            raise
        provider.record()

    async def restock(self, product: int) -> None:
        """Fill a shelf, however long the supplier takes."""
        async with vs.operation("restock", component="inventory") as call:
            call.set_attribute("product", product)
            # A measure gets its own counter: operation_items_total.
            call.add("items", await self._world.deliver())


@vs.operation("words_of", component="search")
def words_of(text: str) -> list[str]:
    """Split a customer's text; a plain function is recorded like any other."""
    return text.lower().split()
