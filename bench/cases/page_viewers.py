"""Scrapes and probes while 50 tabs and 200 other clients look at the page.

There are two equal services, those of `cases.page`. All viewers look at one of them, and both are
scraped and probed in turns. What the viewers take of the machine is the same in both turns, so the
ratio is what serving them costs.

`view` is on the command line of the clients: each follows the events if there is room for it, and
asks for the first screen after each, or every two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import sync_playwright

from cases.page import TICK, Service
from cases.probes import answers, p99
from harness import arguments, emit, order

VIEWS = ("", "operations", "operation?operation=operation_00000", "trends", "resources")
"""What the tabs show, in turn."""

TOGETHER = 5
"""Tabs that load at a time."""

HEADERS = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n"


async def request(port: int, path: str) -> asyncio.StreamReader:
    """Ask for a path of the API, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /api/v1/{path} {HEADERS}".encode())
    return reader


async def look(port: int) -> None:
    """Look at the first screen for ever."""
    while True:
        events = await request(port, "events")
        if not (follows := b" 200 " in await events.readline()):
            await events.read(-1)
        while not (follows and events.at_eof()):
            await (await request(port, "overview")).read(-1)
            if follows:
                while (line := await events.readline()) and not line.startswith(b"event: status"):
                    pass
            else:
                await asyncio.sleep(TICK)


async def view(port: int, count: int) -> None:
    """Be so many clients."""
    print("viewing", flush=True)
    await asyncio.gather(*(look(port) for _ in range(count)))


@contextlib.contextmanager
def clients(port: int, count: int) -> Iterator[None]:
    """So many clients in a process of their own, until the end."""
    command = [sys.executable, "-m", "cases.page_viewers", "view", str(port), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "viewing\n":
                raise SystemExit("nobody views")
            yield
            if process.poll() is not None:
                raise SystemExit("the clients have ended")
        finally:
            process.kill()


@contextlib.contextmanager
def tabs(port: int, count: int) -> Iterator[None]:
    """So many tabs of one browser, all in the foreground, until the end."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        for start in range(0, count, TOGETHER):
            pages = [context.new_page() for _ in range(start, min(count, start + TOGETHER))]
            for number, page in enumerate(pages):
                address = f"http://127.0.0.1:{port}/#/{VIEWS[number % len(VIEWS)]}"
                page.goto(address, wait_until="commit", timeout=120_000)
            for page in pages:
                page.wait_for_selector("main[aria-busy=false] > *:nth-child(2)", timeout=120_000)
        yield
        browser.close()


def measure(*, quick: bool) -> dict[str, Any]:
    """Ask in turns the service that viewers look at and the other one."""
    number, count, times, turns = (4, 20, 25, 2) if quick else (50, 200, 50, 4)
    took: dict[str, list[float]] = {}
    viewed, other = Service(), Service()
    try:
        ports = {"viewed": viewed.tell("serve")["port"], "other": other.tell("serve")["port"]}
        with tabs(ports["viewed"], number), clients(ports["viewed"], count):
            # All have come, and have been told how the service is.
            time.sleep(TICK)
            for turn in range(turns):
                for name in order(list(ports), turn):
                    for path in ("/health", "/metrics"):
                        asked = answers(ports[name], path, times)
                        took.setdefault(f"{name} {path}", []).extend(asked)
    finally:
        for one in (viewed, other):
            one.process.kill()
            one.process.wait()
    figures = {}
    for name, path in (("viewed probe", "/health"), ("viewed scrape", "/metrics")):
        detail = {which: p99(sorted(took[f"{which} {path}"])) for which in ports}
        medians = {f"{which} median": statistics.median(took[f"{which} {path}"]) for which in ports}
        value = detail["viewed"] / detail["other"]
        figures[name] = {"value": value, "detail": detail | medians}
    return figures


def main() -> None:
    """Measure, or be the clients."""
    effort, words = arguments()
    match words:
        case ["view", port, count]:
            asyncio.run(view(int(port), int(count)))
        case _:
            emit(figures=measure(quick=effort.quick))


if __name__ == "__main__":
    main()
