"""The back office of the shop: reports, exports, and a worker that sends mail from a queue."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from random import Random
from typing import TYPE_CHECKING

from prometheus_client import Gauge

import vitalspan as vs
from vitalspan.demo.world import ShopError, World, dice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ROWS_PER_PAGE = 50
REPORT_LINES = 2_800
QUEUED_ORDERS = 200

STOCK_TAKING_SECONDS = 15.0
MISCOUNTED = 0.1

# Metrics made with prometheus_client appear next to the recorded ones: the registry is the same.
queue_depth = Gauge("shop_mail_queue_depth", "Orders that wait for their confirmation.")


class QueueFullError(ShopError):
    """The queue has no room for another order's confirmation."""


class Reports:
    """Documents about the shop, which are slow to make and sometimes long."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def monthly(self) -> bytes:
        """Render the monthly report without blocking the storefront."""
        return await asyncio.to_thread(self._render)

    # Details of calls that take longer than `slow` seconds are kept for a later look; `resources`
    # measures the memory and CPU time of every call.
    @vs.operation("monthly_report", component="reports", slow=1.0, resources=True)
    def _render(self) -> bytes:
        self._world.query_blocking(0.8)
        report = b"%08d\n" % dice.get().randrange(10**8) * REPORT_LINES
        self._world.keep(report)
        return report

    # A generator is recorded from its first step to its last, even if it is closed early.
    @vs.operation("export_orders", component="reports")
    async def export(self, length: int, *, layout: str) -> AsyncGenerator[bytes, None]:
        """Stream `length` pages of orders as `csv` or `json`."""
        for page in range(length):
            await self._world.query(0.02)
            with vs.operation("encode", component="reports", labels={"layout": layout}) as call:
                encoded = _encode(page, layout)
                call.add("rows", ROWS_PER_PAGE)
                call.add("bytes", len(encoded))
            yield encoded


def _encode(page: int, layout: str) -> bytes:
    line = '{"order":%d}\n' if layout == "json" else "%d,\n"
    first = page * ROWS_PER_PAGE
    return "".join(line % row for row in range(first, first + ROWS_PER_PAGE)).encode()


async def take_stock(world: World, seed: str) -> None:
    """Compare the shelves with the books every now and then, forever.

    Args:
        world: the world that it depends on.
        seed: the seed of its random numbers.
    """
    dice.set(Random(seed))  # noqa: S311 - see below
    # A job is also monitored from outside: the dashboard shows which job is late or has failed.
    job = vs.job("stock_taking", every=STOCK_TAKING_SECONDS, sinks=[])
    while True:
        with job as run:
            await world.query(0.1)
            if dice.get().random() < MISCOUNTED:
                run.fail("the shelves and the books differ")
        await asyncio.sleep(STOCK_TAKING_SECONDS)


class Mailer:
    """A thread that confirms orders from a bounded queue, all waiting ones at a time.

    Args:
        world: the world that the worker depends on.
        seed: the seed of the worker's random numbers.
    """

    def __init__(self, world: World, seed: str) -> None:
        self._world = world
        self._dice = Random(seed)  # noqa: S311 - a simulation has to be repeatable, not secret
        self._orders: queue.Queue[int | None] = queue.Queue(maxsize=QUEUED_ORDERS)
        self._thread = threading.Thread(target=self._work, name="mailer", daemon=True)
        queue_depth.set_function(self._orders.qsize)

    def start(self) -> None:
        """Start to process the queue."""
        self._thread.start()

    @vs.operation("enqueue", component="worker")
    def confirm(self, order: int) -> None:
        """Queue the confirmation of an order.

        Raises:
            QueueFullError: if the queue is full.
        """
        try:
            self._orders.put_nowait(order)
        except queue.Full:
            raise QueueFullError("too many orders wait for their confirmation") from None

    def stop(self, timeout: float) -> None:
        """Drop the waiting orders and end the thread within `timeout` seconds."""
        self._waiting()
        self._orders.put(None)
        self._thread.join(timeout)

    def _work(self) -> None:
        dice.set(self._dice)
        batch: list[int | None] = []
        while None not in batch:
            batch = [self._orders.get(), *self._waiting()]
            self._send([order for order in batch if order is not None])

    def _send(self, orders: list[int]) -> None:
        with vs.operation("confirm", component="worker", labels={"channel": "mail"}) as call:
            call.add("items", len(orders))
            call.set_attribute("waiting", self._orders.qsize())
            self._world.query_blocking(0.15)

    def _waiting(self) -> list[int | None]:
        orders: list[int | None] = []
        with contextlib.suppress(queue.Empty):
            while True:
                orders.append(self._orders.get_nowait())
        return orders
