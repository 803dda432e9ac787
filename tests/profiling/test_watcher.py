"""The watcher of slow calls: whom it profiles, when and how often, on a clock moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import vitalspan as vs
from profiling.test_stack_tree import code_of
from vitalspan.profiling.profile import Profile
from vitalspan.profiling.sampler import ATTRIBUTE, PERIOD
from vitalspan.profiling.slow_calls import LONGEST_WAIT
from vitalspan.profiling.stack_tree import Stack
from vitalspan.profiling.watcher import HOUR, Watcher
from vitalspan.recording.call_record import Record

GUILTY = code_of("guilty")


class MadeUpStack:
    """A stack that is wherever a test says."""

    thread, task, call = "worker", None, None

    def __init__(self, record: Record) -> None:
        self.stack: Stack | None = [(GUILTY, 3)]

    def read(self) -> Stack | None:
        return self.stack


class Watch:
    """A watcher that takes its steps when the clock is moved."""

    def __init__(self, monitor: vs.Monitor, clock: vs.ManualClock, find: Any = None) -> None:
        self.profiles: list[Profile] = []
        self.stacks: list[MadeUpStack] = []
        self.clock = clock
        self.watcher = Watcher(
            monitor._recorder, self.profiles.append, find or self._find, clock.now
        )
        self.watcher.per_hour, self.watcher.longest = 20, 30.0
        monitor._recorder.profile_of = self.watcher.profile_of

    def _find(self, record: Record) -> MadeUpStack:
        self.stacks.append(MadeUpStack(record))
        return self.stacks[-1]

    def steps(self, seconds: float) -> int:
        """Let time pass; return how many steps were due."""
        until, steps = self.clock.now() + seconds, 0
        while True:
            wait = self.watcher.step()
            steps += 1
            if self.clock.now() + wait > until:
                self.clock.advance(max(0.0, until - self.clock.now()))
                return steps
            self.clock.advance(wait)


@pytest.fixture
def watch(monitor: vs.Monitor, clock: vs.ManualClock) -> Watch:
    return Watch(monitor, clock)


def test_a_call_is_profiled_from_its_limit_to_its_end(monitor: vs.Monitor, watch: Watch) -> None:
    start = watch.clock.wall()
    with monitor.operation("pay", component="shop", labels={"tier": "gold"}, slow=2):
        watch.steps(1.99)
        assert watch.stacks == []
        watch.steps(3.01)
    watch.steps(0.1)
    (profile,) = watch.profiles
    assert (profile.component, profile.operation, profile.labels) == (
        *("shop", "pay"),
        {"tier": "gold"},
    )
    assert (profile.start, profile.duration, profile.ended) == (start, 5.0, True)
    assert profile.slow == 2
    assert 2 < profile.profiled_from < 2.02
    assert len(profile.samples.leaves) == pytest.approx(300, abs=3)
    assert profile.samples.total == pytest.approx(3.0, abs=0.03)
    (line,) = profile.lines()
    assert (line.frame.place, line.share) == ("guilty (shop.py:3)", 1.0)
    assert (profile.thread, profile.missed) == ("worker", 0)
    (call,) = monitor.slow_calls()
    assert call.profile_id == profile.id


def test_the_watcher_sleeps_until_a_call_can_be_slow(monitor: vs.Monitor, watch: Watch) -> None:
    @monitor.operation("f", slow=0.1)
    def fast() -> None:
        pass

    assert watch.watcher.step() == pytest.approx(0.1)
    with monitor.operation("g", slow=0.15):
        watch.clock.advance(0.1)
        assert watch.watcher.step() == pytest.approx(0.05)
    assert watch.watcher.step() == pytest.approx(0.1)
    fast()
    assert watch.profiles == []


def test_without_limits_it_hardly_does_anything(monitor: vs.Monitor, watch: Watch) -> None:
    with monitor.operation("f"):
        assert watch.steps(100) <= 100 / LONGEST_WAIT + 1
    assert watch.stacks == []
    assert monitor.slow_calls() == []


def test_one_at_a_time_and_each_operation_has_its_turn(monitor: vs.Monitor, watch: Watch) -> None:
    watch.watcher.longest = 1.0
    often, seldom = monitor.operation("often", slow=1), monitor.operation("seldom", slow=1)
    with often:
        watch.steps(1.5)
        with often, seldom:
            watch.steps(3)
    watch.steps(1)
    assert [one.operation for one in watch.profiles] == ["often", "seldom", "often"]
    ids = [one.profile_id for one in monitor.slow_calls()]
    assert sorted(filter(None, ids)) == sorted(one.id for one in watch.profiles)


def test_so_many_an_hour(monitor: vs.Monitor, watch: Watch) -> None:
    watch.watcher.per_hour = 2

    def slow_call() -> None:
        with monitor.operation("f", slow=1):
            watch.steps(2)

    for _ in range(4):
        slow_call()
    watch.steps(1)
    assert len(watch.profiles) == 2
    assert [one.profile_id is None for one in monitor.slow_calls()] == [False, False, True, True]
    watch.clock.advance(HOUR)
    slow_call()
    watch.steps(1)
    assert len(watch.profiles) == 3


def results(watch: Watch) -> dict[str, float]:
    return {name: one.total() for name, one in watch.watcher.results.items() if one.total()}


def test_what_became_of_each_slow_call_is_counted(monitor: vs.Monitor, watch: Watch) -> None:
    watch.watcher.per_hour = 2
    pay = monitor.operation("pay", slow=1)
    with pay:
        watch.steps(0.9)
    assert results(watch) == {}
    with pay:
        watch.steps(2)
        with monitor.operation("pack", slow=1):
            watch.steps(2)
        assert results(watch) == {"busy": 1}
    # A profile is taken once nothing can be added to it.
    watch.steps(0.1)
    assert results(watch) == {"busy": 1, "taken": 1}
    with pay:
        watch.steps(1.03)
    watch.steps(0.1)
    # It came and went between two steps.
    with pay:
        watch.clock.advance(1.5)
    assert results(watch) == {"busy": 1, "taken": 1, "too_short": 2}
    watch.watcher.longest = 3
    with pay:
        watch.steps(6)
        assert results(watch) == {"busy": 1, "taken": 2, "too_short": 2}
    with pay:
        watch.steps(2)
    everything = {"busy": 1, "taken": 2, "too_short": 2, "rate_limited": 1}
    assert results(watch) == everything
    assert sum(everything.values()) == len(monitor.slow_calls())
    watch.watcher.reset()
    assert results(watch) == {}


def test_a_call_in_no_stack_is_not_found(monitor: vs.Monitor, watch: Watch) -> None:
    def find(record: Record) -> MadeUpStack:
        stack = MadeUpStack(record)
        stack.stack = None
        return stack

    watch.watcher._find = find
    with monitor.operation("nameless", slow=1):
        watch.steps(2)
    assert results(watch) == {"not_found": 1}


def test_calls_that_end_soon_after_their_limit_do_not_count(
    monitor: vs.Monitor, watch: Watch
) -> None:
    watch.watcher.per_hour = 1
    for _ in range(5):
        with monitor.operation("f", slow=1):
            watch.steps(1.03)
        watch.steps(0.1)
    assert len(watch.stacks) == 5
    assert watch.profiles == []
    with monitor.operation("f", slow=1):
        watch.steps(1.2)
    watch.steps(0.1)
    assert len(watch.profiles) == 1
    ids = [one.profile_id for one in monitor.slow_calls()]
    assert ids == [None] * 5 + [watch.profiles[0].id]


def test_after_calls_that_end_soon_it_pauses(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    class Slow(MadeUpStack):
        def read(self) -> Stack | None:
            clock.advance(0.005)
            return super().read()

    watch = Watch(monitor, clock, Slow)
    with monitor.operation("f", slow=1):
        watch.steps(1.02)
        assert watch.watcher._sampler is not None
    # Two samples took 5 ms each, and that times fifty is a quarter of a second for each.
    assert watch.watcher.step() >= 0.2
    assert watch.profiles == []


def test_a_call_that_does_not_end_is_profiled_once(monitor: vs.Monitor, watch: Watch) -> None:
    watch.watcher.longest = 5.0
    with monitor.operation("stuck", slow=1):
        watch.steps(20)
        (profile,) = watch.profiles
        assert not profile.ended
        assert profile.duration == pytest.approx(6, abs=0.05)
        assert len(profile.samples.leaves) == pytest.approx(500, abs=3)
    (call,) = monitor.slow_calls()
    assert call.profile_id == profile.id
    watch.steps(1)
    assert len(watch.profiles) == 1


def test_samples_in_which_it_was_not_found(monitor: vs.Monitor, watch: Watch) -> None:
    with monitor.operation("f", slow=1):
        watch.steps(1.5)
        watch.stacks[0].stack = None
        watch.steps(0.5)
        watch.stacks[0].stack = [(GUILTY, 4)]
        watch.steps(0.5)
    watch.steps(0.1)
    (profile,) = watch.profiles
    assert profile.missed == pytest.approx(50, abs=2)
    assert profile.samples.total == pytest.approx(1, abs=0.05)


def test_a_call_that_nobody_finds_gives_way(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    class Nowhere(MadeUpStack):
        def __init__(self, record: Record) -> None:
            super().__init__(record)
            self.stack = None if record[2].series.operation == "lost" else self.stack

    watch = Watch(monitor, clock, Nowhere)
    with monitor.operation("lost", slow=1), monitor.operation("found", slow=1):
        watch.steps(2)
    watch.steps(1)
    assert [one.operation for one in watch.profiles] == ["found"]


def test_time_in_which_nothing_could_run_belongs_to_the_next_sample(
    monitor: vs.Monitor, watch: Watch
) -> None:
    with monitor.operation("f", slow=1):
        watch.steps(1.1)
        watch.clock.advance(2)
        watch.stacks[0].stack = [(GUILTY, 9)]
        watch.steps(0.1)
    watch.steps(0.1)
    most = watch.profiles[0].lines()[0]
    assert most.frame.lineno == 9
    assert most.seconds == pytest.approx(2.1, abs=0.05)


def test_a_call_that_ends_before_its_first_sample(monitor: vs.Monitor, watch: Watch) -> None:
    class Ending(MadeUpStack):
        def read(self) -> Stack | None:
            call.__exit__(None, None, None)
            return super().read()

    watch.watcher._find = Ending
    call = monitor.operation("f", slow=1)
    call.__enter__()
    watch.steps(2)
    assert watch.profiles == []
    assert monitor.slow_calls()[0].profile_id is None


def test_the_span_has_the_id(
    traced: vs.Monitor, clock: vs.ManualClock, spans: InMemorySpanExporter
) -> None:
    watch = Watch(traced, clock, find=None)
    with traced.operation("f", slow=1) as call:
        watch.watcher._find = lambda record: with_call(MadeUpStack(record), call)
        watch.steps(2)
    watch.steps(0.1)
    (profile,) = watch.profiles
    (span,) = spans.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes[ATTRIBUTE] == profile.id
    assert span.context is not None
    assert profile.trace_id == f"{span.context.trace_id:032x}"
    assert profile.span_id == f"{span.context.span_id:016x}"


def with_call(stack: Any, call: vs.Call) -> Any:
    stack.call = call
    return stack


def test_an_operation_that_is_forgotten_or_labelled_late(monitor: vs.Monitor, watch: Watch) -> None:
    with monitor.operation("f", slow=1) as call:
        call.set_label("status", "odd")
        watch.steps(2)
    watch.steps(0.1)
    monitor.fold()
    assert monitor.slow_calls()[0].profile_id == watch.profiles[0].id
    assert monitor.forget("f") == 1 or monitor.forget("f") == 0
    watch.steps(100)
    assert watch.watcher._seen == {}


def test_what_the_parent_was_doing_is_not_the_child_s(monitor: vs.Monitor, watch: Watch) -> None:
    with monitor.operation("f", slow=1):
        watch.steps(2)
        watch.watcher.reset()
        monitor.reset()
        watch.steps(2)
    assert watch.profiles == []


@pytest.mark.parametrize("samples", [1, 7])
def test_a_slow_sampler_uses_little_of_a_cpu(
    monitor: vs.Monitor, clock: vs.ManualClock, samples: int
) -> None:
    """With 5 ms for each sample there are at most 45 ms of nothing after it."""

    class Slow(MadeUpStack):
        def read(self) -> Stack | None:
            clock.advance(0.005)
            return super().read()

    watch = Watch(monitor, clock, Slow)
    with monitor.operation("f", slow=1):
        watch.steps(1.2)
        began: Callable[[], float] = clock.now
        before = began()
        for _ in range(samples):
            wait = watch.watcher.step()
            assert wait == pytest.approx(0.045, abs=0.001)
            clock.advance(wait)
        assert began() - before == pytest.approx(samples * 0.05, abs=0.001)
    assert PERIOD == 0.01
