"""The load of the demo: visitors at a limited rate, and a limited number of them at a time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from vitalspan.demo.phases import Phase, Schedule
from vitalspan.demo.visits import Visit, visit
from vitalspan.demo.world import ShopError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from vitalspan.clock import Clock

IN_FLIGHT = 100


class Pace:
    """A pacemaker with at least `1 / rate` seconds between starts; lost time is not made up for.

    Args:
        rate: the number of starts per second, above 0.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._due = float("-inf")

    def wait(self, now: float) -> float:
        """Claim the next start, and return the number of seconds from `now` until then."""
        start = max(self._due, now)
        self._due = start + 1 / self.rate
        return start - now


class Load:
    """A load that sends visitors into the shop until it is cancelled.

    Args:
        serve: serves a visitor.
        enter: is called at the start of each phase with the phase and the elapsed seconds.
        rate: the number of visitors per second on a busy day.
        seed: the seed of the visitors.
        phase_seconds: how long a phase lasts.
        clock: the clock of the phases and the pace.
    """

    def __init__(
        self,
        serve: Callable[[Visit], Coroutine[None, None, None]],
        enter: Callable[[Phase, float], None],
        *,
        rate: float,
        seed: int,
        phase_seconds: float,
        clock: Clock,
    ) -> None:
        self.served = 0
        self.failed = 0
        self.turned_away = 0
        self._serve = serve
        self._enter = enter
        self._rate = rate
        self._seed = seed
        self._schedule = Schedule(phase_seconds)
        self._clock = clock
        self._pace = Pace(rate)
        self._visitors = 0
        self._next_purpose: str | None = None
        self._running: set[asyncio.Future[None]] = set()

    async def run(self) -> None:
        """Send visitors until cancelled; then end the visits that are still in progress.

        Raises:
            Exception: any exception of a visit that is not a `ShopError`, since that is a bug.
        """
        fault = asyncio.get_running_loop().create_future()
        tasks = [
            asyncio.ensure_future(self._follow_phases()),
            asyncio.ensure_future(self._send(fault)),
        ]
        try:
            done, _ = await asyncio.wait([fault, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _end([*tasks, *self._running])

    async def _follow_phases(self) -> None:
        began = self._clock.now()
        number = 0
        while True:
            phase = self._schedule.phase(number)
            self._pace.rate = self._rate * phase.load_factor
            self._next_purpose = phase.opens_with
            self._enter(phase, self._schedule.begin(number))
            await asyncio.sleep(began + self._schedule.begin(number + 1) - self._clock.now())
            # After the machine was asleep, continue with the phase of that time, never with the
            # same one.
            number = max(number + 1, self._schedule.number(self._clock.now() - began))

    async def _send(self, fault: asyncio.Future[None]) -> None:
        while True:
            await asyncio.sleep(self._pace.wait(self._clock.now()))
            purpose, self._next_purpose = self._next_purpose, None
            visitor = visit(self._seed, self._visitors, purpose)
            self._visitors += 1
            if len(self._running) >= IN_FLIGHT:
                self.turned_away += 1
                continue
            task = asyncio.ensure_future(self._serve(visitor))
            self._running.add(task)
            task.add_done_callback(partial(self._leave, fault))

    def _leave(self, fault: asyncio.Future[None], visitor: asyncio.Future[None]) -> None:
        self._running.discard(visitor)
        if visitor.cancelled():
            return
        self.served += 1
        error = visitor.exception()
        if isinstance(error, ShopError):
            self.failed += 1
        elif error is not None and not fault.done():
            fault.set_exception(error)


async def _end(tasks: list[asyncio.Future[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
