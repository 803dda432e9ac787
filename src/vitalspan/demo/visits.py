"""Visits: what visitors do in the shop, each decided by its own random numbers."""

from __future__ import annotations

from contextlib import aclosing
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from vitalspan.demo.world import dice

if TYPE_CHECKING:
    from vitalspan.demo.back_office import Reports
    from vitalspan.demo.shop import Shop

# The number of visitors in a hundred who come for each purpose.
SHARES = {"browse": 55, "search": 20, "checkout": 17, "export": 4, "report": 2, "restock": 2}
PRODUCTS = 60


class Visit(NamedTuple):
    """A visitor: a number, a purpose, and a source of random numbers."""

    number: int
    purpose: str
    luck: Random


def visit(seed: int, number: int, purpose: str | None = None) -> Visit:
    """Return the visitor with a number, which is always the same for the same seed.

    Args:
        seed: the demo's seed.
        number: the number of the visitor, from 0.
        purpose: the purpose of the visit; by default a random one.
    """
    luck = Random(f"{seed}/{number}")  # noqa: S311 - repeatable, not secret
    usual = luck.choices([*SHARES], weights=[*SHARES.values()])[0]
    return Visit(number, purpose or usual, luck)


async def serve(visit: Visit, shop: Shop, reports: Reports) -> None:
    """Serve a visitor.

    Raises:
        ShopError: if the visit fails.
    """
    luck = visit.luck
    dice.set(luck)
    # Most visitors want the same few products, so that a cache pays off.
    product = min(int(luck.paretovariate(0.8)), PRODUCTS)
    if visit.purpose == "search":
        await shop.search(f"A thing like product {product}")
    elif visit.purpose == "checkout":
        await shop.checkout(visit.number, product, tier=luck.choice(["gold", "standard"]))
    elif visit.purpose == "export":
        await _read_export(reports, luck)
    elif visit.purpose == "report":
        await reports.monthly()
    elif visit.purpose == "restock":
        await shop.restock(product)
    else:
        await shop.browse(product)


async def _read_export(reports: Reports, luck: Random) -> None:
    """Read an export; every fourth reader stops after the first page."""
    hasty = luck.random() < 0.25
    layout = luck.choice(["csv", "json"])
    async with aclosing(reports.export(luck.randint(2, 10), layout=layout)) as pages:
        async for _ in pages:
            if hasty:
                return
