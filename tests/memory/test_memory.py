"""Tracking of memory: the guilty line is named, and tracemalloc is left as it was found."""

from __future__ import annotations

import json
import os
import threading
import tracemalloc
from collections.abc import Iterator
from functools import lru_cache

import pytest

from support.forked_child import holds_in_child
from vitalspan import living_monitors, memory
from vitalspan.compat.performance_monitor import disable_memory_tracking, enable_memory_tracking
from vitalspan.errors import ConfigurationError, VitalspanError


@pytest.fixture(autouse=True)
def _tracing_is_off() -> Iterator[None]:
    """No test begins or ends with tracemalloc running."""
    tracemalloc.stop()
    yield
    ran = tracemalloc.is_tracing()
    tracemalloc.stop()
    assert not ran


@pytest.fixture(scope="module", autouse=True)
def _nothing_ticks() -> None:
    """Monitors that other tests have left behind must not allocate anything beside these."""
    for monitor in list(living_monitors._living):
        monitor.stop()  # type: ignore[attr-defined]


def keep(kept: list[bytes], size: int = 1_000_000) -> None:
    kept.append(bytes(size))  # the guilty line


GUILTY = keep.__code__.co_firstlineno + 1


def test_the_guilty_line_and_file_are_named() -> None:
    kept: list[bytes] = []
    with memory.track() as tracked:
        keep(kept)
        keep(kept)
        assert tracked.after is None
        assert tracked.lines(1)[0].size_diff_mb == pytest.approx(1.9, abs=0.1)
    (worst,) = tracked.lines(top=1)
    assert (worst.filename, worst.lineno) == (__file__, GUILTY)
    assert worst.size_mb == worst.size_diff_mb == pytest.approx(1.907, abs=0.01)
    assert worst.traceback == (f"{__file__}:{GUILTY}",)
    assert f"test_memory.py:{GUILTY}: +1.907 MB in" in str(worst)
    (file,) = tracked.files(top=1)
    assert (file.filename, file.lineno) == (__file__, 0)
    assert str(file).startswith(f"{__file__}: +1.9")
    assert tracked.size_diff_mb == pytest.approx(1.91, abs=0.05)
    assert json.loads(json.dumps(worst.to_dict()))["lineno"] == GUILTY


def test_the_peak_is_known_where_tracking_started_tracemalloc() -> None:
    with memory.track() as tracked:
        bytes(3_000_000)
    assert tracked.peak_mb == pytest.approx(2.86, abs=0.1)
    assert tracked.size_diff_mb < 0.5


def test_freed_memory_is_a_negative_difference() -> None:
    kept: list[bytes] = []
    with memory.track():
        keep(kept)
        with memory.track() as inner:
            kept.clear()
        assert memory.is_tracking()
    assert inner.lines(1)[0].size_diff_mb == pytest.approx(-0.95, abs=0.05)
    assert not memory.is_tracking()


def test_what_the_program_has_started_goes_on() -> None:
    tracemalloc.start(3)
    peak_before = bytes(2_000_000)
    del peak_before
    peak = tracemalloc.get_traced_memory()[1]
    with memory.track() as tracked:
        assert tracemalloc.get_traceback_limit() == 3
    assert tracked.peak_mb is None
    assert tracemalloc.is_tracing()
    assert tracemalloc.get_traced_memory()[1] >= peak
    tracemalloc.stop()


def test_what_is_enabled_for_good_within_a_block_outlives_it() -> None:
    with memory.track():
        enable_memory_tracking()
    assert memory.is_tracking()
    disable_memory_tracking()
    assert not memory.is_tracking()


def test_blocks_of_two_threads_do_not_stop_each_other() -> None:
    begun, ended = threading.Event(), threading.Event()

    def other() -> None:
        with memory.track():
            begun.set()
            assert ended.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    assert begun.wait(30)
    with memory.track() as tracked:
        pass
    assert memory.is_tracking()
    ended.set()
    thread.join()
    assert tracked.after is not None
    assert not memory.is_tracking()


def test_an_exception_goes_on_and_ends_the_tracking() -> None:
    with pytest.raises(KeyError), memory.track() as tracked:
        raise KeyError
    assert tracked.after is not None
    assert not memory.is_tracking()


def test_a_block_that_stops_tracemalloc_is_told_when_it_asks() -> None:
    with memory.track() as tracked:
        tracemalloc.stop()
    with pytest.raises(VitalspanError, match=r"vitalspan\.memory\.track"):
        tracked.lines()
    assert not memory.is_tracking()


@pytest.mark.parametrize("frames", [0, 101])
def test_frames_that_cannot_be_had(frames: int) -> None:
    with pytest.raises(ConfigurationError, match=f"frames={frames}"), memory.track(frames=frames):
        pass


def test_differences_by_traceback_name_the_callers() -> None:
    kept: list[bytes] = []
    with memory.track(frames=2) as tracked:
        keep(kept)
        assert tracked.before is not None
    assert tracked.after is not None
    (worst,) = memory.differences(tracked.before, tracked.after, by="traceback", top=1)
    assert worst.lineno == GUILTY
    assert len(worst.traceback) == 2
    assert worst.traceback[-1] == f"{__file__}:{GUILTY}"
    with pytest.raises(ConfigurationError, match="by='lines'"):
        memory.differences(tracked.before, tracked.after, by="lines")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="top=-1"):
        tracked.lines(-1)


def test_a_snapshot_of_nothing() -> None:
    with pytest.raises(VitalspanError, match=r"tracemalloc\.start"):
        memory.snapshot()


def test_a_leak_is_found_and_its_line_named() -> None:
    kept: list[bytes] = []
    found = memory.growth(lambda: keep(kept, 2000), runs=12)
    assert found.leak_likely
    assert found.slope == pytest.approx(2041, abs=60)
    assert found.interval[0] <= found.slope <= found.interval[1]
    assert found.p_value < 0.001
    assert len(kept) == 12 + 3
    assert len(found.sizes) == 12
    assert (found.lines[0].filename, found.lines[0].lineno) == (__file__, GUILTY)
    text = str(found)
    assert text.startswith("a leak is likely: memory grew by 2,0")
    assert f"test_memory.py:{GUILTY}" in text
    assert json.loads(json.dumps(found.to_dict()))["leak_likely"] is True
    assert found.slope_mb == found.slope / 2**20


def test_what_is_dropped_is_no_leak() -> None:
    found = memory.growth(lambda: [bytes(1000) for _ in range(100)], runs=12)
    assert not found.leak_likely
    assert str(found).startswith("no leak was found")


def test_garbage_in_a_cycle_is_no_leak() -> None:
    def cycle() -> None:
        one: list[object] = [bytes(1000)]
        one.append(one)

    assert not memory.growth(cycle, runs=12).leak_likely


def test_a_cache_that_fills_up_within_the_runs_is_no_leak() -> None:
    numbers = iter(range(100))

    @lru_cache(maxsize=8)
    def load(number: int) -> bytes:
        return bytes(1000)

    assert not memory.growth(lambda: load(next(numbers)), runs=20, warmup=0).leak_likely


def test_growth_leaves_tracemalloc_running_where_the_program_started_it() -> None:
    tracemalloc.start()
    memory.growth(lambda: None, runs=10, warmup=0)
    assert memory.is_tracking()
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runs": 9}, "runs=9"),
        ({"runs": 1001}, "runs=1001"),
        ({"warmup": -1}, "warmup=-1"),
        ({"confidence": 1.0}, "confidence=1.0"),
    ],
)
def test_growth_that_cannot_be_measured(options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        memory.growth(lambda: None, **options)  # type: ignore[arg-type]


def test_growth_of_a_coroutine_function_says_what_to_give() -> None:
    async def function() -> None: ...

    with pytest.raises(TypeError, match=r"lambda: asyncio\.run"):
        memory.growth(function)


def test_growth_of_a_function_that_stops_tracemalloc() -> None:
    with pytest.raises(VitalspanError, match=r"tracemalloc\.stop"):
        memory.growth(tracemalloc.stop, warmup=0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_tracks_by_itself() -> None:
    with memory.track():

        def tracks_by_itself() -> bool:
            with memory.track() as tracked:
                pass
            return tracked.after is not None

        assert holds_in_child(tracks_by_itself)
