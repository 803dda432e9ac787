"""Scrapes targets in parallel and pushes their metrics, round by round."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from vitalspan.bridge.otlp.exporter import OtlpExporter, make_transport, next_time
from vitalspan.bridge.otlp.settings import OtlpSettings
from vitalspan.bridge.scrape.exposition_file import ExpositionFile
from vitalspan.bridge.scrape.scrape_target import ScrapeTarget
from vitalspan.clock import Clock, SystemClock

_MOST_AT_ONCE: Final = 16


Target = ScrapeTarget | ExpositionFile
"""A target that is scraped, and then read by the exporter."""


class Bridge:
    """Pushes the metrics of targets to an OTLP receiver.

    Args:
        targets: the targets to scrape.
        settings: the settings of the export.
        say: prints a line of progress.
        clock: provides the time.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        settings: OtlpSettings,
        say: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self._targets = targets
        self._settings = settings
        self._say = say
        self._clock = clock or SystemClock()
        transport = make_transport(settings, self._clock)
        self._exporter = OtlpExporter(targets, transport, settings, self._clock)
        self._known_errors: dict[int, str | None] = {}

    def run_once(self) -> bool:
        """Scrape and push once; return whether all of it arrived."""
        self._scrape()
        sender = self._exporter.sender
        sender.send_last(self._clock.now() + self._settings.export_timeout)
        self._report()
        refused = sender.points["rejected"] + sender.points["dropped"]
        return not refused and all(target.error is None for target in self._targets)

    def run(self, interval: float, stop: threading.Event) -> None:
        """Scrape and push until told to stop, and push waiting requests at the end.

        Args:
            interval: seconds between two scrapes.
            stop: ends the loop when it is set.
        """
        now, sender = self._clock.now, self._exporter.sender
        due = now()
        while not stop.is_set():
            if now() >= due:
                self._scrape()
                due = next_time(due, interval, now())
                self._exporter.send()
                self._report()
            else:
                self._exporter.send()
            pause = due - now()
            if self._exporter.waiting_bytes:
                pause = min(pause, sender.not_before - now())
            stop.wait(max(0.0, pause))
        sender.send_last(now() + self._settings.timeout)
        self._report()

    def _scrape(self) -> None:
        with ThreadPoolExecutor(min(_MOST_AT_ONCE, len(self._targets))) as pool:
            list(pool.map(lambda target: target.scrape(), self._targets))
        for target in self._targets:
            # A failing target is reported once, and so is its recovery.
            before = self._known_errors.get(id(target))
            if target.error != before:
                self._known_errors[id(target)] = target.error
                self._say(f"{target.shown}: {target.error or 'can be scraped again'}")
        self._exporter.export()

    def _report(self) -> None:
        targets, sender = self._targets, self._exporter.sender
        scraped = sum(target.error is None for target in targets)
        counts = ", ".join(f"{count} {result}" for result, count in sender.points.items() if count)
        waiting = self._exporter.waiting_bytes
        left_out = self._exporter.left_out
        self._say(
            f"scraped {scraped} of {len(targets)}; data points: {counts or 'none'}"
            + (f", {left_out} left out" if left_out else "")
            + (f"; {waiting} bytes are waiting" if waiting else "")
        )
