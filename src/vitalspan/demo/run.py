"""The whole demo: start the shop, its visitors and `/metrics`, and stop them within a second."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import vitalspan as vs
from vitalspan.clock import SystemClock
from vitalspan.demo import alerts, spans
from vitalspan.demo.back_office import Mailer, Reports, take_stock
from vitalspan.demo.load import Load
from vitalspan.demo.phases import PHASES, Phase
from vitalspan.demo.shop import Shop
from vitalspan.demo.visits import serve
from vitalspan.demo.world import World
from vitalspan.errors import VitalspanError
from vitalspan.integrations.asyncio import instrument
from vitalspan.integrations.executor import Executor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS = 16


class Options(NamedTuple):
    """The options of the demo.

    Args:
        port: the port of /metrics; 0 takes any free port.
        addr: the address to listen on.
        rate: the number of visits per second.
        duration: the number of seconds until it ends by itself; None waits for a signal.
        seed: the seed of the visitors.
        phase_seconds: how long each phase lasts.
        rules: a rule file; None is the demo's own.
        tick: the evaluation interval of the rules in seconds.
        alertmanager: the addresses of Alertmanagers that receive alerts, separated by commas.
        webhook: the address of a webhook that receives alerts.
    """

    port: int
    addr: str
    rate: float
    duration: float | None
    seed: int
    phase_seconds: float
    rules: str | None = None
    tick: float = 2.0
    alertmanager: str = ""
    webhook: str = ""


class ListenError(VitalspanError):
    """The address and port cannot be listened on."""


def run(options: Options, say: Callable[[str], object]) -> None:
    """Run the shop until its time is over, or until SIGINT or SIGTERM.

    Args:
        options: how to run.
        say: prints a line.

    Raises:
        ListenError: if the port is in use, or the address does not belong to this machine.
        MissingExtraError: if spans should be sent but the exporter is not installed.
        ConfigurationError: if the rule file has mistakes.
    """
    asyncio.run(_run(options, say))


async def _run(options: Options, say: Callable[[str], object]) -> None:
    stop = _stop_signal()
    asyncio.get_running_loop().set_default_executor(Executor(THREADS, name="shop"))
    clock = SystemClock()
    with _listening(options) as url:
        rules = alerts.load_rules(
            options.rules, options.tick, options.alertmanager, options.webhook
        )
        say(_greeting(options, url, spans.set_up(), rules))
        began = clock.now()
        load = await _keep_shop(options, say, stop)
        spans.close()
    say(
        f"Served {load.served} visits in {clock.now() - began:.0f} s; "
        f"{load.failed} failed, {load.turned_away} were turned away."
    )


async def _keep_shop(options: Options, say: Callable[[str], object], stop: asyncio.Event) -> Load:
    world = World(PHASES[0])
    mailer = Mailer(world, f"{options.seed}/mailer")

    def enter(phase: Phase, elapsed: float) -> None:
        world.enter(phase)
        minutes, seconds = divmod(int(elapsed), 60)
        say(f"{minutes:3}:{seconds:02}  {phase.name:<15} {phase.hint}")

    load = Load(
        partial(serve, shop=Shop(world, mailer), reports=Reports(world)),
        enter,
        rate=options.rate,
        seed=options.seed,
        phase_seconds=options.phase_seconds,
        clock=SystemClock(),
    )
    mailer.start()
    instrument(name="shop")
    vs.configure(profile_slow_calls=True)
    running = (
        load.run(),
        stop.wait(),
        alerts.announce(say),
        take_stock(world, f"{options.seed}/stock"),
    )
    tasks = [asyncio.ensure_future(one) for one in running]
    try:
        done, _ = await asyncio.wait(
            tasks, timeout=options.duration, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()
    finally:
        world.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        mailer.stop(timeout=0.5)
        vs.get_monitor().close()
    return load


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@contextlib.contextmanager
def _listening(options: Options) -> Iterator[str]:
    try:
        server = vs.start_http_server(options.port, options.addr)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"port {options.port} is in use; choose another with --port"
        else:
            message = f"{error.strerror or error} (--port, --addr)"
        raise ListenError(message) from error
    try:
        yield server.url
    finally:
        server.close()


def _greeting(options: Options, url: str, spans_go: str, rules: str) -> str:
    return f"""A small shop with {options.rate:g} visits a second.
  page        {url.removesuffix("metrics")}
  metrics     {url}
  health      {url.removesuffix("metrics")}health
  exemplars   curl -s -H 'Accept: application/openmetrics-text' {url} | grep trace_id
  prometheus  prometheus --config.file=prometheus.yml --enable-feature=exemplar-storage
  spans       {spans_go}
  alerts      {rules}
Ctrl-C ends it."""
