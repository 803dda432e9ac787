"""Chromium for tests, driven by Playwright, and a tab that records what happens in it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()

_REFRESH = """() => new Promise((done) => {
    const { fetch } = window;
    let asked = false;
    window.fetch = async (...given) => {
        asked = true;
        window.fetch = fetch;
        const answer = await fetch(...given);
        const read = answer.json;
        // What the page does with a response, it does before anything that waits for a timer.
        answer.json = () => read.call(answer).finally(() => setTimeout(done));
        return answer;
    };
    const ask = () => {
        dispatchEvent(new Event("online"));
        if (!asked) setTimeout(ask, 10);
    };
    ask();
})"""

_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser, until the end. Without one, the test is skipped if that is allowed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    playwright = None
    with contextlib.suppress(ImportError):
        from playwright.sync_api import sync_playwright as playwright
    if program is None or playwright is None:
        reason = "Chromium or Playwright is not installed: the page is not tested in a browser"
        if os.environ.get("VITALSPAN_NO_SKIP") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A tab, and everything that it should not do.

    Attributes:
        page: the tab.
        faults: console messages, errors, dialogs, and requests to other origins.
        requests: the requested paths of the API.
    """

    def __init__(self, context: Any, address: str) -> None:
        self.page = context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self._origin = urlsplit(address)[:2]
        self._address = address
        self.page.set_default_timeout(15_000)
        self.page.on("console", lambda message: self.faults.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", self._note)

    def show(self, view: str) -> None:
        """Show a view, and wait until it is ready."""
        self.page.goto(f"{self._address}#/{view}")
        # Until the page is told of its new address, the view before this one is still ready.
        self.page.evaluate("new Promise(done => setTimeout(done))")
        self.page.wait_for_selector("main[aria-busy=false] > *:nth-child(2)")

    def refresh(self) -> None:
        """Let the page ask for its data, and wait until it has drawn the response."""
        self.page.evaluate(_REFRESH)

    def findings(self) -> list[str]:
        """The violations that axe-core finds, in short."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    def overflow(self) -> int:
        """The number of pixels by which the page is wider than its window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return width

    def _dismiss(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts[:2] != self._origin:
            self.faults.append(f"request: {request.url}")
        if "/api/" in parts.path:
            self.requests.append(parts.path)


@contextlib.contextmanager
def visiting(
    browser: Any, address: str, *, width: int = 1440, scheme: str = "light"
) -> Iterator[Visit]:
    """A tab of its own in a window of this size, until the end."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    try:
        yield Visit(context, address)
    finally:
        context.close()
