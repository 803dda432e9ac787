"""Scrape coalescing: identical scrapes that arrive at the same time share one rendering.

A scrape never gets a rendering that began before the scrape arrived.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from functools import partial
from http import HTTPStatus
from typing import Final

from vitalspan.serve.messages import Response, text_response

Render = Callable[[], Response]
WhenSent = Callable[[], None]
Respond = Callable[[Response, WhenSent], None]

PATIENCE: Final = 1.0
"""Seconds after which a rendering counts as hanging, so that others no longer wait for it."""


class _Rendering:
    """A rendering and the scrapes that share it.

    Args:
        key: identifies the request.
        render: makes the response.
    """

    def __init__(self, key: Hashable, render: Render) -> None:
        self.key = key
        self.render = render
        self.scrapes: list[Respond] = []
        self.started_at = 0.0
        self.unsent = 0


class ScrapeCoalescer:
    """Lets scrapes share renderings, and limits the number of both.

    While a rendering runs, scrapes with the same key gather for the next one. So there is one
    rendering at a time for each key, unless one hangs.

    Args:
        submit: runs a job in a thread; returns whether it can.
        max_scrapes: how many scrapes may be waiting for their responses or receiving them.
        max_renderings: how many renderings may be pending, running or being sent. Each uses a
            thread until it is made, and its text stays in memory until every client has received
            it.
        now: a steady clock in seconds.
    """

    def __init__(
        self,
        submit: Callable[[Callable[[], None]], bool],
        *,
        max_scrapes: int,
        max_renderings: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._submit = submit
        self._max_scrapes = max_scrapes
        self._max_renderings = max_renderings
        self._now = now
        self._changed = threading.Condition()
        self._scrapes = 0
        self._renderings = 0
        self._gathering: dict[Hashable, _Rendering] = {}
        self._running: dict[Hashable, _Rendering] = {}

    def scrape(self, key: Hashable, render: Render, respond: Respond) -> bool:
        """Answer a scrape with the next rendering that begins.

        Args:
            key: identifies the request; scrapes with equal keys share a rendering.
            render: makes the response, in another thread.
            respond: called in another thread with the response and a function, which it calls once
                the response has been sent or cannot be sent.

        Returns:
            Whether there is room for the scrape; if not, `respond` is not called.
        """
        with self._changed:
            if self._scrapes >= self._max_scrapes:
                return False
            rendering = self._gathering.get(key)
            if rendering is not None:
                self._add(rendering, respond)
                return True
            if self._renderings >= self._max_renderings:
                return False
            rendering = _Rendering(key, render)
            if not self._submit(partial(self._run, rendering)):
                return False
            self._renderings += 1
            self._gathering[key] = rendering
            self._add(rendering, respond)
            return True

    def _add(self, rendering: _Rendering, respond: Respond) -> None:
        rendering.scrapes.append(respond)
        self._scrapes += 1

    def _run(self, rendering: _Rendering) -> None:
        """Wait for this rendering's turn, render, and answer all scrapes that gathered for it."""
        with self._changed:
            self._wait_for_turn(rendering.key)
            # No scrape can join from here on, because the metrics may be read at any moment now.
            del self._gathering[rendering.key]
            self._running[rendering.key] = rendering
            rendering.started_at = self._now()
            rendering.unsent = len(rendering.scrapes)
        response = text_response(HTTPStatus.INTERNAL_SERVER_ERROR, "the metrics failed to render")
        try:
            response = rendering.render()
        finally:
            with self._changed:
                if self._running.get(rendering.key) is rendering:
                    del self._running[rendering.key]
                    self._changed.notify_all()
            for respond in rendering.scrapes:
                respond(response, partial(self._note_sent, rendering))

    def _wait_for_turn(self, key: Hashable) -> None:
        while (running := self._running.get(key)) is not None:
            patience = running.started_at + PATIENCE - self._now()
            if patience <= 0:
                return
            self._changed.wait(patience)

    def _note_sent(self, rendering: _Rendering) -> None:
        with self._changed:
            self._scrapes -= 1
            rendering.unsent -= 1
            if rendering.unsent == 0:
                self._renderings -= 1
