"""The page of 1,000 operations of 200 components with an hour of history, in Chromium.

The service is a process of its own, which makes a thousand calls a second, ticks every two seconds
and does what it is told on its standard input; `serve` is on its command line.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page, sync_playwright
from prometheus_client import CollectorRegistry

import vitalspan as vs
from harness import arguments, emit

OPERATIONS = 1000
COMPONENTS = 200
TICKS = 60
TICK = 2.0
HOUR = 3600.0


class MovedClock(vs.ManualClock):
    """The time of this machine, moved manually before the page is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = -HOUR

    def advance(self, seconds: float) -> None:
        self.moved += seconds

    def now(self) -> float:
        return time.perf_counter() + self.moved

    def wall(self) -> float:
        return time.time() + self.moved


def service() -> vs.Monitor:
    """A monitor with an hour of history."""
    clock = MovedClock()
    monitor = vs.Monitor(
        registry=CollectorRegistry(),
        clock=clock,
        max_series=2 * OPERATIONS,
        tick_interval=TICK,
        system_metrics=False,
    )
    operations = [
        monitor.operation(f"operation_{number:05}", component=f"component_{number % COMPONENTS:03}")
        for number in range(OPERATIONS)
    ]
    for number in range(COMPONENTS - 1):
        needed = [f"component_{number + 1:03}"] if number % 4 else []
        monitor.rules.add_component(f"component_{number:03}", depends_on=needed)
    for _ in range(TICKS):
        for operation in operations:
            with operation:
                pass
        clock.advance(HOUR / TICKS)
        monitor.tick()
    monitor.start()

    def work() -> None:
        while True:
            for start in range(0, OPERATIONS, 100):
                for operation in operations[start : start + 100]:
                    with operation:
                        pass
                time.sleep(0.1)

    threading.Thread(target=work, daemon=True).start()
    return monitor


def serve() -> None:
    """Run the command on each line of standard input, and print one line for it."""
    monitor = service()
    for line in sys.stdin:
        answer: dict[str, Any] = {"cpu": time.process_time(), "threads": threading.active_count()}
        if line.strip() == "serve":
            server = vs.start_http_server(0, registry=monitor.registry)
            answer["port"] = server.port
        elif line.strip() == "close":
            server.close()
        answer["loaded"] = any(name.startswith("vitalspan.page") for name in sys.modules)
        print(json.dumps(answer), flush=True)


class Service:
    """The service in a separate process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cases.page", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, word: str) -> dict[str, Any]:
        """Send it a command, and return its response."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise SystemExit("the service has no pipes")
        stdin.write(f"{word}\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(stdout.readline())
        return answer

    @contextlib.contextmanager
    def counting(self, cpu: dict[str, float], name: str) -> Iterator[None]:
        """Measure the CPU time that it uses meanwhile, in milliseconds per second."""
        began, used = time.perf_counter(), self.tell("")["cpu"]
        yield
        spent = self.tell("")["cpu"] - used
        cpu[name] = 1e3 * spent / (time.perf_counter() - began)


class Tab:
    """A tab that counts what it receives."""

    def __init__(self, browser: Any, address: str) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.page: Page = self.context.new_page()
        self.cdp = self.context.new_cdp_session(self.page)
        self.cdp.send("Network.enable")
        self.cdp.send("Performance.enable")
        self.received: list[float] = []
        self.cdp.on(
            "Network.loadingFinished", lambda it: self.received.append(it["encodedDataLength"])
        )
        self.address = address

    def show(self, view: str) -> dict[str, float]:
        """Load a view; return milliseconds until its first paint, and until it is complete."""
        self.page.goto(f"{self.address}#/{view}")
        self.page.wait_for_selector("main[aria-busy=false] .uplot")
        times: dict[str, float] = self.page.evaluate(
            """() => ({
            first: performance.getEntriesByName("first-contentful-paint")[0].startTime,
            whole: performance.now(),
            })"""
        )
        return times | {"KB": sum(self.received) / 1e3}

    def busy(self) -> float:
        """Return how many seconds its main thread has worked."""
        metrics = self.cdp.send("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")

    def stay(self, seconds: float) -> dict[str, float]:
        """Return what an update costs: milliseconds of the main thread, and kilobytes."""
        # The rest of loading is not part of an update.
        self.page.wait_for_timeout(2000)
        self.received.clear()
        busy = self.busy()
        self.page.wait_for_timeout(1e3 * seconds)
        updates = max(1, len(self.received))
        spent = 1e3 * (self.busy() - busy)
        return {"ms": spent / updates, "KB": sum(self.received) / 1e3 / updates}


def measure(*, quick: bool) -> dict[str, Any]:
    """Measure a service with a browser, and before that without one."""
    loads, seconds = (1, 1.0) if quick else (7, 12.0)
    turns: dict[str, list[float]] = {"without": [], "unseen": []}
    cpu: dict[str, float] = {}
    running = Service()
    try:
        # A thread that has just started has little history.
        time.sleep(seconds)
        for name in ("without", "unseen") * (1 if quick else 3):
            running.tell("serve" if name == "unseen" else "")
            with running.counting(cpu, name):
                time.sleep(seconds)
            turns[name].append(cpu[name])
            if name == "unseen" and running.tell("close")["loaded"]:
                raise SystemExit("the page is loaded, and nobody has looked")
        address = f"http://127.0.0.1:{running.tell('serve')['port']}/"
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            paints = []
            for _ in range(loads):
                tab = Tab(browser, address)
                paints.append(tab.show(""))
                tab.context.close()
            tab = Tab(browser, address)
            tab.show("")
            with running.counting(cpu, "overview"):
                overview = tab.stay(seconds)
            tab.show("operations")
            with running.counting(cpu, "operations"):
                operations = tab.stay(seconds)
            browser.close()
    finally:
        running.process.kill()
        running.process.wait()
    cpu |= {name: statistics.median(found) for name, found in turns.items()}
    paint = {name: statistics.median(one[name] for one in paints) for name in paints[0]}
    return {
        "paint": {"value": paint["first"], "detail": paint},
        "update": {
            "value": overview["ms"],
            "detail": {
                **overview,
                "operations ms": operations["ms"],
                "operations KB": operations["KB"],
            },
        },
        "seen": {"value": cpu["overview"], "detail": cpu},
        "unseen": {
            "value": cpu["unseen"] - cpu["without"],
            "detail": cpu,
        },
    }


def main() -> None:
    """Measure, or run the service."""
    effort, words = arguments()
    if words == ["serve"]:
        serve()
    else:
        emit(figures=measure(quick=effort.quick))


if __name__ == "__main__":
    main()
