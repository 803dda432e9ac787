"""The live screen in the terminal, and the same printed once; both need Rich."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.console import Console
from rich.live import Live

from vitalspan.top.instances import Snapshot
from vitalspan.top.keyboard import Keyboard
from vitalspan.top.scrape_rounds import Rounds
from vitalspan.top.screen import screen
from vitalspan.top.view import View

_GLANCE: Final = 0.1
"""Seconds between two checks of a running round."""
_IDLE: Final = 0.5
"""Seconds between two checks of the size of the terminal."""


def print_once(rounds: Rounds, view: View, pause: Callable[[float], object]) -> Snapshot:
    """Print the screen as text, after two rounds.

    Args:
        rounds: scrapes the instances.
        view: what to show.
        pause: waits for some seconds.
    """
    snapshot = rounds.run_twice(pause)
    view.show(snapshot.figures(apart=view.apart))
    Console(highlight=False).print(screen(snapshot, view, None))
    return snapshot


def run_live(rounds: Rounds, view: View, keyboard: Keyboard, console: Console) -> None:
    """Show the screen until the user ends it.

    Args:
        rounds: scrapes the instances.
        view: what to show, changed by keys.
        keyboard: reads the keys.
        console: the terminal.
    """
    snapshot, drawn = Snapshot(0.0, ()), None
    with keyboard.unbuffered(), Live(console=console, screen=True, auto_refresh=False) as live:
        live.update("scraping ...", refresh=True)
        while not view.ended:
            if not view.paused:
                rounds.start_if_due()
                snapshot = rounds.finished() or snapshot
            picture = snapshot, view.state, console.size
            if snapshot.instances and picture != drawn:
                view.show(snapshot.figures(apart=view.apart))
                live.update(screen(snapshot, view, console.height), refresh=True)
                drawn = snapshot, view.state, console.size
            waiting = _IDLE if view.paused else min(_IDLE, rounds.wait)
            for key in keyboard.keys(_GLANCE if rounds.under_way else waiting):
                view.press(key)
