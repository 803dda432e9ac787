"""Takes the pictures of the page that the README and the docs show, of a demo within its troubles.

`make pictures` runs it. It takes four to eight minutes.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from support.browser import chromium
from support.demo_program import running

SECONDS: Final = 200.0
"""How long the demo runs at least, so that it has a past."""

PICTURES: Final = (
    ("page.png", "", "light"),
    ("page-operation.png", "operation?operation=checkout&component=storefront", "dark"),
)


def take(folder: Path) -> None:
    """Take each picture."""
    with running("--phase-seconds", "40") as demo, chromium() as browser:
        time.sleep(SECONDS)
        address = demo.url.removesuffix("metrics")
        while not _is_in_trouble(address):
            time.sleep(1)
        for name, view, scheme in PICTURES:
            _take(browser, f"{address}#/{view}", scheme, folder / name)
        demo.process.send_signal(signal.SIGINT)


def _is_in_trouble(address: str) -> bool:
    with urllib.request.urlopen(f"{address}api/v1/status", timeout=30) as response:
        status = json.load(response)
    return status["firing"] >= 2 and status["score"] < 75


def _take(browser: Any, address: str, scheme: str, path: Path) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("main[aria-busy=false] .uplot")
    page.wait_for_timeout(1000)
    page.screenshot(path=path, full_page=True)
    context.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
