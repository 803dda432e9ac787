"""Scrapes and probes while 50 tabs and 200 other clients look at the page, and while nobody does.

The service is that of `cases.page`, on a core of its own where the system lets a process choose;
the browser, the other clients and whoever asks share another. `follow` is on the command line of
the clients: each follows the events, or asks for the first screen again and again if there is no
room for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import sync_playwright

from cases.page import Service
from cases.probes import answers, p99
from harness import arguments, emit

EVENTS = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
OVERVIEW = b"GET /api/v1/overview HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def client(port: int) -> None:
    """Look at the page for ever."""
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(EVENTS)
            if b" 200 " in await reader.readline():
                while await reader.read(65536):
                    pass
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(OVERVIEW)
            await reader.read(-1)
            writer.close()
        await asyncio.sleep(2.0)


async def follow(port: int, count: int) -> None:
    """Be so many clients."""
    clients = asyncio.gather(*(client(port) for _ in range(count)))
    await asyncio.sleep(3.0)
    print("following", flush=True)
    await clients


def stay_on(process: int, *cores: int) -> None:
    """Keep a process on some of the cores, where there are several and the system allows it."""
    if hasattr(os, "sched_setaffinity"):
        ours = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(process, {ours[core % len(ours)] for core in cores})


@contextlib.contextmanager
def crowd(port: int, tabs: int, clients: int) -> Iterator[None]:
    """Tabs and clients, until the end."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    command = [sys.executable, "-m", "cases.page_crowd", "follow", str(port), str(clients)]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        for _ in range(tabs):
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("main[aria-busy=false] .uplot", timeout=60_000)
        following = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            if following.stdout is None or following.stdout.readline() != "following\n":
                raise SystemExit("nobody follows")
            yield
        finally:
            following.kill()
            following.wait()
            browser.close()


def measure(*, quick: bool) -> dict[str, Any]:
    """Ask with and without a crowd."""
    tabs, clients, times = (8, 40, 50) if quick else (50, 200, 200)
    running = Service()
    figures = {}
    try:
        port = running.tell("serve")["port"]
        stay_on(running.process.pid, 0)
        paths = {"probe": "/health", "scrape": "/metrics"}
        alone = {name: answers(port, path, times) for name, path in paths.items()}
        with crowd(port, tabs, clients):
            beset = {name: answers(port, path, times) for name, path in paths.items()}
        for name in paths:
            detail = {"alone": p99(alone[name]), "beset": p99(beset[name]), "clients": clients}
            value = detail["beset"] / detail["alone"]
            figures[f"crowd {name}"] = {"value": value, "detail": detail | {"tabs": tabs}}
    finally:
        running.process.kill()
        running.process.wait()
    return figures


def main() -> None:
    """Measure, or be the clients."""
    effort, words = arguments()
    match words:
        case ["follow", port, count]:
            asyncio.run(follow(int(port), int(count)))
        case _:
            stay_on(0, 1)
            emit(figures=measure(quick=effort.quick))


if __name__ == "__main__":
    main()
