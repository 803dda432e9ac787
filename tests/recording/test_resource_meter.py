"""Resident memory and CPU time, measured where it costs little against the call."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.recording import resource_meter as resources
from vitalspan.recording.resource_meter import ResourceMeter

Read = Callable[..., float | None]


def own_rss() -> int:
    return int(psutil.Process().memory_info().rss)


def test_resident_memory_is_this_processes() -> None:
    meter = ResourceMeter()
    assert abs(meter.rss() - own_rss()) < 2**22
    kept = bytearray(b"x") * 2**25
    assert abs(meter.rss() - own_rss()) < 2**22
    assert len(kept) == 2**25
    meter.close()
    meter.close()
    assert meter.rss() > 0
    meter.close()


def test_without_the_kernels_file_psutil_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_STATM", "/does/not/exist")
    meter = ResourceMeter()
    assert abs(meter.rss() - own_rss()) < 2**22
    assert meter._file < 0
    meter.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_file_that_was_closed_is_opened_anew() -> None:
    meter = ResourceMeter()
    meter.rss()
    os.close(meter._file)
    assert abs(meter.rss() - own_rss()) < 2**22
    meter.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("content", ["", "one", "not numbers"])
def test_a_file_of_anothers_is_not_read(tmp_path: Path, content: str) -> None:
    """As where a daemon has closed every file, and the number was given out again."""
    path = tmp_path / "other"
    path.write_text(content)
    meter = ResourceMeter()
    meter.rss()
    other = os.open(path, os.O_RDONLY)
    os.dup2(other, meter._file)
    taken = meter._file
    assert abs(meter.rss() - own_rss()) < 2**22
    assert os.pread(taken, 100, 0).decode() == content
    meter.close()
    os.close(taken)
    os.close(other)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_closing_leaves_anothers_file_open(tmp_path: Path) -> None:
    meter = ResourceMeter()
    meter.rss()
    taken = meter._file
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    os.dup2(other, taken)
    meter.close()
    assert os.write(taken, b"x") == 1
    os.close(taken)
    os.close(other)


def test_what_is_worth_measuring_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = ResourceMeter()
    first = meter.worthwhile
    assert first >= 0.001
    monkeypatch.setattr(meter, "_cost", lambda: 1.0)
    assert meter.worthwhile == first
    slow = ResourceMeter()
    monkeypatch.setattr(slow, "_cost", lambda: 0.001)
    assert slow.worthwhile == pytest.approx(0.2)


def test_always_and_never(monitor: vs.Monitor, sample: Read) -> None:
    for _ in range(3):
        with monitor.operation("always", resources=True):
            pass
        with monitor.operation("never", resources=False):
            pass
    measured = {call.operation: call.rss_before is not None for call in monitor.recent_calls()}
    assert measured == {"always": True, "never": False}
    assert sample("operation_cpu_seconds_total", operation="always") is not None
    assert sample("operation_memory_growth_bytes_total", operation="always") is not None
    assert sample("operation_cpu_seconds_total", operation="never") is None
    assert sample("operation_memory_growth_bytes_total", operation="never") is None


def test_by_default_the_calls_after_a_long_one_are_measured(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    def call(seconds: float) -> bool:
        with monitor.operation("f"):
            clock.advance(seconds)
        return monitor.recent_calls()[-1].rss_before is not None

    long = monitor._recorder.meter.worthwhile * 2
    # The first is measured, since nothing tells how long it will be.
    assert [call(s) for s in (0, 0, 0, long, long, 0, 0, long, 0)] == [
        True, False, False, False, True, True, False, False, True,
    ]  # fmt: skip


def test_growth_counts_only_growth(
    monitor: vs.Monitor, sample: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([100, 150, 150, 120, 120, 130])
    monkeypatch.setattr(monitor._recorder.meter, "rss", lambda: next(readings))
    for _ in range(3):
        with monitor.operation("f", resources=True):
            pass
    assert [call.memory_delta for call in monitor.recent_calls()] == [50, -30, 10]
    assert sample("operation_memory_growth_bytes_total", operation="f") == 60


def test_cpu_time_is_the_calls_own(
    monitor: vs.Monitor, sample: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([10.0, 10.25, 20.0, 20.5])
    monkeypatch.setattr("vitalspan.recording.measured_call.thread_cpu", lambda: next(seconds))
    for _ in range(2):
        with monitor.operation("f", resources=True):
            pass
    assert [call.cpu_seconds for call in monitor.recent_calls()] == [0.25, 0.5]
    assert sample("operation_cpu_seconds_total", operation="f") == 0.75


@pytest.mark.parametrize("measured", [True, None])
def test_a_reading_that_fails_does_not_fail_the_call(
    registry: CollectorRegistry,
    clock: vs.ManualClock,
    sample: Read,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    measured: bool | None,
) -> None:
    def failing(self: ResourceMeter) -> int:
        raise PermissionError

    monkeypatch.setattr(ResourceMeter, "rss", failing)
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False)

    @monitor.operation("f", resources=measured, slow=1.0)
    def f() -> int:
        clock.advance(2)
        return 7

    for _ in range(3):
        assert f() == 7
        with monitor.operation("f", resources=measured, slow=1.0):
            clock.advance(2)
    assert sample("operation_duration_seconds_count", operation="f") == 6
    assert (sample("vitalspan_internal_errors_total", where="begin") or 0) > 0
    assert len(monitor.slow_calls()) == 6
    assert len(caplog.records) >= 1
    monitor.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_meter_that_nobody_closes_leaves_no_file_open() -> None:
    meter = ResourceMeter()
    meter.rss()
    file = meter._file
    os.fstat(file)
    del meter
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)
