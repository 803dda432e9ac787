"""The interval of publications, and a change of it while the monitor lives."""

from __future__ import annotations

from pathlib import Path

import pytest

import vitalspan as vs
from support.waiting import wait_until
from support.worker_processes import exposition, make_monitor
from vitalspan.workers.state_file import SUFFIX

COUNT = 'operation_duration_seconds_count{component="default",operation="f"}'


def published_files(directory: Path) -> list[Path]:
    return list(directory.glob(f"*{SUFFIX}"))


def call(monitor: vs.Monitor) -> None:
    with monitor.operation("f"):
        pass


def test_a_new_interval_takes_effect_in_a_monitor_that_publishes_already(tmp_path: Path) -> None:
    monitor = make_monitor(tmp_path)
    call(monitor)
    assert not published_files(tmp_path)
    monitor.configure(publish_interval=0.1)
    try:
        wait_until(lambda: published_files(tmp_path))
    finally:
        monitor.close()


def test_a_new_interval_takes_effect_in_a_monitor_that_has_recorded_nothing(tmp_path: Path) -> None:
    monitor = make_monitor(tmp_path)
    monitor.configure(publish_interval=0.1)
    call(monitor)
    try:
        wait_until(lambda: published_files(tmp_path))
        assert exposition(monitor)[COUNT] == 1
    finally:
        monitor.close()


def test_an_interval_that_cannot_be_used_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    monitor = make_monitor(tmp_path)
    with pytest.raises(vs.ConfigurationError, match="publish_interval=0: use seconds from"):
        monitor.configure(publish_interval=0)
    monitor.close()


def test_a_process_by_itself_takes_an_interval_and_publishes_nothing() -> None:
    monitor = make_monitor()
    monitor.configure(publish_interval=0.1)
    assert monitor.workers is None
    monitor.close()
