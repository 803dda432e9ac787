from __future__ import annotations

import asyncio
import itertools
import re
import selectors
import signal
import socket
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.demo_program import Demo, running
from support.paths import ROOT
from support.prometheus_server import run_prometheus
from support.promtool import promtool
from support.subprograms import COMMAND
from support.waiting import wait_until
from vitalspan.demo.load import IN_FLIGHT, Load, Pace
from vitalspan.demo.phases import PHASES, Phase, Schedule
from vitalspan.demo.visits import SHARES, Visit, visit
from vitalspan.demo.world import (
    CACHED_PAGES,
    KEPT_COPIES,
    LEAK_LIMIT,
    CardDeclinedError,
    ModelOverloadedError,
    PaymentUnavailableError,
    ShopError,
    World,
    dice,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

CONFIG = ROOT / "prometheus.yml"
CALM = PHASES[0]
T = TypeVar("T")


def phase(name: str) -> Phase:
    return next(phase for phase in PHASES if phase.name == name)


# Phases


def test_phases_follow_one_another_and_begin_again() -> None:
    schedule = Schedule(30)
    seen = [schedule.phase(schedule.number(elapsed)).name for elapsed in range(0, 240, 30)]
    assert seen == [*(phase.name for phase in PHASES), "calm"]
    assert schedule.number(29.999) == 0
    assert [schedule.begin(number) for number in range(3)] == [0, 30, 60]


def test_every_phase_but_the_first_has_one_trouble() -> None:
    good_day = Phase("", "")
    for each in PHASES:
        troubles = replace(each, name="", hint="", opens_with=good_day.opens_with)
        differing = [
            field
            for field in Phase.__slots__
            if getattr(troubles, field) != getattr(good_day, field)
        ]
        assert len(differing) == (each is not CALM), each.name
        assert each.opens_with in SHARES


def test_hints_fit_a_terminal() -> None:
    assert max(len(each.hint) for each in PHASES) <= 90


# The world


class Waits:
    """Stands for sleeping: notes the seconds, takes none."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def block(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def world(waits: Waits) -> World:
    return World(CALM, sleep=waits.sleep, block=waits.block)


def with_dice(work: Callable[[], Awaitable[T]], seed: int = 1) -> T:
    async def throw() -> T:
        dice.set(Random(seed))
        return await work()

    return asyncio.run(throw())


def test_a_slow_database_takes_its_factor_longer(world: World, waits: Waits) -> None:
    async def query() -> None:
        await world.query(0.04)
        world.query_blocking(0.8)

    with_dice(query)
    world.enter(phase("slow database"))
    with_dice(query)
    calm, slow = waits.seconds[:2], waits.seconds[2:]
    assert slow == pytest.approx([6 * seconds for seconds in calm])


def test_times_scatter_around_the_usual_and_have_an_end(world: World, waits: Waits) -> None:
    async def queries() -> None:
        for _ in range(2000):
            await world.query(1.0)

    with_dice(queries)
    ordered = sorted(waits.seconds)
    assert ordered[len(ordered) // 2] == pytest.approx(1.0, rel=0.05)
    assert 0 < ordered[0] < 0.5 < 2.0 < ordered[-1] <= 4.0


def failures(
    world: World, work: Callable[[], Awaitable[object]], times: int = 2000
) -> Counter[str]:
    async def all_of_them() -> Counter[str]:
        raised: Counter[str] = Counter()
        for _ in range(times):
            try:
                await work()
            except ShopError as error:
                raised[type(error).__name__] += 1
        return raised

    return with_dice(all_of_them)


def test_payments_fail_in_their_phase(world: World) -> None:
    calm = failures(world, world.pay)
    assert set(calm) == {CardDeclinedError.__name__}
    assert calm.total() / 2000 == pytest.approx(0.01, abs=0.01)
    world.enter(phase("payment errors"))
    bad = failures(world, world.pay)
    assert bad[PaymentUnavailableError.__name__] / 2000 == pytest.approx(0.4, abs=0.04)


def test_the_model_is_sometimes_overloaded_and_otherwise_counts_its_tokens(world: World) -> None:
    overloaded = failures(world, lambda: world.advise(1))
    assert set(overloaded) == {ModelOverloadedError.__name__}
    assert overloaded.total() / 2000 == pytest.approx(0.02, abs=0.01)
    advice = with_dice(lambda: world.advise(7))
    assert advice.products == [8, 9]
    assert 80 <= advice.tokens <= 400


def test_the_cache_is_bounded_and_forgets_when_it_is_cold(world: World) -> None:
    def cached(product: int) -> str | None:
        return with_dice(lambda: world.cached_page(product))

    for product in range(CACHED_PAGES + 1):
        world.cache_page(product, "page")
    assert cached(0) is None
    assert cached(CACHED_PAGES) == "page"
    world.enter(phase("cold cache"))
    assert cached(CACHED_PAGES) is None
    world.cache_page(1, "page")
    assert cached(1) is None


def test_a_silent_supplier_leaves_one_order_waiting_until_the_phase_is_over(world: World) -> None:
    async def orders() -> list[bool]:
        world.enter(phase("stuck call"))
        stuck = asyncio.ensure_future(world.deliver())
        await asyncio.sleep(0)
        answered = await world.deliver() >= 5
        still_waiting = not stuck.done()
        world.enter(PHASES[-1])
        return [answered, still_waiting, await stuck >= 5]

    assert with_dice(orders) == [True, True, True]


def test_the_leak_is_bounded_and_freed_with_its_phase(world: World) -> None:
    document = bytes(LEAK_LIMIT // 16 // KEPT_COPIES)
    world.keep(document)
    assert world.kept_bytes == 0
    world.enter(phase("memory leak"))
    for _ in range(20):
        world.keep(document)
    assert LEAK_LIMIT * 15 // 16 < world.kept_bytes <= LEAK_LIMIT
    world.enter(CALM)
    assert world.kept_bytes == 0


def test_a_closed_world_lets_threads_go_at_once() -> None:
    world = World(CALM)
    world.close()

    async def query() -> None:
        await asyncio.wait_for(asyncio.to_thread(world.query_blocking, 3600.0), timeout=30)

    with_dice(query)


# Visitors


def test_the_same_seed_brings_the_same_visitors() -> None:
    def first(seed: int) -> list[tuple[str, float]]:
        return [(each.purpose, each.luck.random()) for each in (visit(seed, n) for n in range(50))]

    assert first(7) == first(7)
    assert first(7) != first(8)


def test_a_given_purpose_changes_nothing_else_about_a_visitor() -> None:
    usual, given = visit(1, 3), visit(1, 3, "report")
    assert given.purpose == "report"
    assert given.luck.random() == usual.luck.random()


def test_visitors_come_in_their_shares() -> None:
    purposes = Counter(visit(1, number).purpose for number in range(5000))
    assert sum(SHARES.values()) == 100
    for purpose, share in SHARES.items():
        assert purposes[purpose] / 50 == pytest.approx(share, abs=2)


# The load, on a loop whose time passes only when everyone waits


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.elapsed = 0.0
        super().__init__(VirtualSelector(self))

    def time(self) -> float:
        return self.elapsed

    # What a `Clock` has.
    now = wall = time


class VirtualSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everyone waits, and nobody for a time")
        # A little more than asked for, as real loops are late.
        self._loop.elapsed += timeout + 1e-4 if timeout > 0 else 0.0
        return super().select(0)


class Day:
    """A load on virtual time, and what it did."""

    def __init__(
        self, serve: Callable[[Visit], Any] | None = None, rate: float = 20.0, seed: int = 1
    ) -> None:
        self.loop = VirtualLoop()
        self.phases: list[tuple[str, float, float]] = []
        self.visits: list[tuple[float, Visit]] = []
        self._serve = serve or (lambda visit: asyncio.sleep(0))
        self.load = Load(
            self.serve, self.enter, rate=rate, seed=seed, phase_seconds=30, clock=self.loop
        )

    def enter(self, phase: Phase, elapsed: float) -> None:
        self.phases.append((phase.name, elapsed, self.loop.elapsed))

    async def serve(self, visit: Visit) -> None:
        self.visits.append((self.loop.elapsed, visit))
        await self._serve(visit)

    def run(self, seconds: float) -> Load:
        async def until_over() -> None:
            await asyncio.wait_for(self.load.run(), timeout=seconds)

        try:
            with pytest.raises(asyncio.TimeoutError):
                self.loop.run_until_complete(until_over())
            assert not asyncio.all_tasks(self.loop)
        finally:
            self.loop.close()
        return self.load


def test_a_day_goes_through_all_phases() -> None:
    day = Day()
    load = day.run(8 * 30 - 1)
    assert [name for name, _, _ in day.phases] == [*(each.name for each in PHASES), "calm"]
    assert [began for _, began, _ in day.phases] == [30 * number for number in range(8)]
    for _, announced, entered in day.phases:
        assert entered == pytest.approx(announced, abs=0.01)
    assert load.served == len(day.visits)
    assert (load.failed, load.turned_away) == (0, 0)


def test_never_more_than_the_rate_begins() -> None:
    day = Day(rate=20)
    day.run(209)
    moments = [moment for moment, _ in day.visits]
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert min(gaps) >= 1 / 20 - 1e-9
    busy = sum(moment < 180 for moment in moments)
    quiet = len(moments) - busy
    assert busy == pytest.approx(180 * 20, rel=0.02)
    assert quiet == pytest.approx(29 * 2, abs=3)


def test_each_phase_opens_with_the_visit_that_shows_it() -> None:
    day = Day(rate=0.5)
    day.run(209)
    for each, (_, _, entered) in zip(PHASES, day.phases, strict=True):
        first = next(visit for moment, visit in day.visits if moment >= entered)
        assert first.purpose == each.opens_with


def test_the_same_seed_makes_the_same_day() -> None:
    days = [Day(seed=5), Day(seed=5)]
    for day in days:
        day.run(60)
    first, second = ([(m, v.number, v.purpose) for m, v in day.visits] for day in days)
    assert first == second


def test_only_so_many_are_inside() -> None:
    day = Day(lambda visit: asyncio.sleep(3600))
    load = day.run(20)
    assert len(day.visits) == IN_FLIGHT
    assert load.served == 0
    assert load.turned_away == pytest.approx(20 * 20 - IN_FLIGHT, abs=10)


def test_what_fails_in_the_shop_is_counted() -> None:
    async def fail(visit: Visit) -> None:
        if visit.number % 2:
            raise CardDeclinedError("no")

    load = Day(fail).run(10)
    assert load.failed == load.served // 2 > 0


def test_a_bug_in_the_shop_ends_the_demo() -> None:
    async def fail(visit: Visit) -> None:
        raise ZeroDivisionError

    day = Day(fail)
    with pytest.raises(ZeroDivisionError):
        day.loop.run_until_complete(day.load.run())
    day.loop.close()


def test_lost_time_is_not_made_up_for() -> None:
    pace = Pace(10)
    assert pace.wait(100.0) == 0
    assert pace.wait(100.0) == pytest.approx(0.1)
    assert pace.wait(200.0) == 0
    assert pace.wait(200.0) == pytest.approx(0.1)


def test_a_machine_that_slept_wakes_up_in_the_present_phase() -> None:
    day = Day(rate=1)

    async def sleep_long(visit: Visit) -> None:
        if visit.number == 3:
            day.loop.elapsed += 100

    day._serve = sleep_long
    day.run(125)
    assert [name for name, _, _ in day.phases] == ["calm", "cold cache", "stuck call"]


# The demo as a process


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running("--rate", "60", "--phase-seconds", "1.5") as demo:
        yield demo


class Seen:
    """The highest value of every series over many scrapes."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._highest: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def look(self) -> None:
        for family in text_string_to_metric_families(self._demo.scrape()):
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                self._highest[key] = max(self._highest.get(key, 0.0), sample.value)

    def highest(self, name: str, **labels: str) -> float:
        return max(
            (
                value
                for (found, pairs), value in self._highest.items()
                if found == name and pairs >= frozenset(labels.items())
            ),
            default=0.0,
        )


TROUBLES = {
    "calm": ("cache_requests_total", {"cache": "product_pages", "result": "hit"}, 1),
    "slow database": ("operation_cancellations_total", {"operation": "rank"}, 1),
    "payment errors": (
        "operation_errors_total",
        {"operation": "charge", "error_type": "vitalspan.demo.world.PaymentUnavailableError"},
        1,
    ),
    "cold cache": ("cache_requests_total", {"cache": "product_pages", "result": "miss"}, 1),
    # A delivery usually takes 0.4 s at most.
    "stuck call": ("operation_oldest_in_progress_seconds", {"operation": "restock"}, 0.6),
    "memory leak": ("operation_memory_growth_bytes_total", {"operation": "monthly_report"}, 3e6),
}
SERIES = [
    ("operation_duration_seconds_count", {"component": "storefront", "operation": "browse"}),
    ("operation_duration_seconds_count", {"operation": "checkout", "tier": "gold"}),
    ("operation_duration_seconds_count", {"component": "inventory", "operation": "reserve"}),
    ("operation_duration_seconds_count", {"component": "search", "operation": "words_of"}),
    ("operation_duration_seconds_count", {"component": "reports", "operation": "export_orders"}),
    ("operation_cancellations_total", {"operation": "export_orders"}),
    ("operation_rows_total", {"operation": "encode", "layout": "csv"}),
    ("operation_bytes_total", {"operation": "encode", "layout": "json"}),
    ("operation_items_total", {"component": "worker", "operation": "confirm", "channel": "mail"}),
    ("operation_items_total", {"operation": "restock"}),
    ("operation_cpu_seconds_total", {"operation": "monthly_report"}),
    ("operation_errors_total", {"operation": "checkout"}),
    ("api_calls_total", {"api": "recommender", "component": "storefront"}),
    ("api_tokens_total", {"api": "recommender"}),
    ("api_cost_dollars_total", {"api": "recommender"}),
    ("api_calls_total", {"api": "payment_provider", "outcome": "error"}),
    ("shop_mail_queue_depth", {}),
    ("process_resident_memory_bytes", {}),
]


def test_every_trouble_and_every_feature_shows_in_the_metrics(demo: Demo) -> None:
    seen = Seen(demo)
    expected = [*TROUBLES.values(), *((name, labels, 1e-9) for name, labels in SERIES)]

    def missing() -> list[str]:
        seen.look()
        return [
            f"{name} {labels}"
            for name, labels, least in expected
            if seen.highest(name, **labels) < least
        ]

    last: list[str] = []

    def complete() -> bool:
        last[:] = missing()
        return not last

    try:
        wait_until(complete)
    except AssertionError:
        pytest.fail(f"not seen: {last}")


def test_exemplars_carry_trace_ids(demo: Demo) -> None:
    def exemplar() -> bool:
        text = demo.scrape("application/openmetrics-text; version=1.0.0")
        return any(
            re.match(r'operation_duration_seconds_bucket.* # \{.*trace_id="[0-9a-f]{32}"', line)
            for line in text.splitlines()
        )

    wait_until(exemplar)


def test_promtool_finds_nothing_to_complain_about(demo: Demo) -> None:
    assert promtool("check", "metrics", given=demo.scrape().encode()) == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(number: signal.Signals) -> None:
    with running("--rate", "100", "--phase-seconds", "0.5") as demo:
        first_phase = demo.read_line()
        code, out, err = demo.end(number)
    assert (code, err) == (0, "")
    assert first_phase.split(maxsplit=2) == ["0:00", "calm", f"{PHASES[0].hint}\n"]
    *_, closing = out.splitlines()
    assert closing.startswith("Served ")


def test_it_ends_by_itself() -> None:
    with running("--duration", "0.5") as demo:
        code, out, err = demo.wait()
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("Served ")


def test_spans_go_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        with running("--duration", "0.5") as demo:
            assert any(line.split()[-1] == endpoint for line in demo.greeting)
            code, _, _ = demo.wait()
    assert code == 0


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        child = subprocess.run(
            [*COMMAND, "demo", "--port", port],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (child.returncode, child.stdout) == (1, "")
    complaint = f"vitalspan demo: port {port} is in use; choose another with --port\n"
    assert child.stderr == complaint


def test_an_address_of_another_machine_is_one_line() -> None:
    child = subprocess.run(
        [*COMMAND, "demo", "--addr", "192.0.2.1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (child.returncode, child.stdout) == (1, "")
    assert "192.0.2.1" in child.stderr
    assert "--addr" in child.stderr
    assert child.stderr.count("\n") == 1


# prometheus.yml


def test_promtool_accepts_the_configuration() -> None:
    assert promtool("check", "config", CONFIG) == ""


def test_prometheus_scrapes_the_demo(demo: Demo, tmp_path: Path) -> None:
    config = CONFIG.read_text()
    assert "127.0.0.1:9464" in config
    assert config.count("interval: 5s") == 2
    config = config.replace("127.0.0.1:9464", urlsplit(demo.url).netloc).replace(": 5s", ": 1s")
    with run_prometheus(config, tmp_path) as prometheus:
        prometheus.wait_until(lambda: prometheus.value('up{job="vitalspan-demo"}') == 1)
        browsed = 'rate(operation_duration_seconds_count{operation="browse"}[30s])'
        prometheus.wait_until(lambda: prometheus.value(browsed))
        prometheus.wait_until(
            lambda: prometheus.series_exemplars("operation_duration_seconds_bucket")
        )
        assert [target["lastError"] for target in prometheus.targets()] == [""]
