"""Profiles in a shared directory: each process has those of all, and whatever else is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from page.test_profiles import add_profile
from support.worker_processes import die, processes, publish
from vitalspan.profiling.profile import Profile
from vitalspan.profiling.profile_json import decode, encode
from vitalspan.workers.file_names import OURS
from vitalspan.workers.shared_profiles import KEPT, SUFFIX, SharedProfiles


@pytest.fixture
def profile(monitor: vs.Monitor) -> Profile:
    return add_profile(monitor)


def test_a_profile_comes_back_as_it_was(profile: Profile) -> None:
    assert decode(encode(profile)) == profile


@given(
    text=st.binary(max_size=40)
    | st.sampled_from(
        [
            b"[]",
            b"{}",
            b"null",
            b'{"samples":[[],[[0,0]],[],[]]}',
        ]
    )
)
def test_what_is_no_profile_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="this is not a profile"):
        decode(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[[-1,0],", b"[[3,0],"),
        (b"[[-1,0],", b"[[-1,9],"),
        (b"[2,3,2]", b"[2,3,9]"),
        (b"[2,3,2]", b"[2,3]"),
    ],
)
def test_stacks_that_do_not_fit_together(profile: Profile, old: bytes, new: bytes) -> None:
    encoded = encode(profile)
    assert old in encoded
    with pytest.raises(ValueError, match="do not fit together"):
        decode(encoded.replace(old, new))


def test_each_process_has_the_profiles_of_all(
    tmp_path: Path, clock: vs.ManualClock, profile: Profile
) -> None:
    first, second = (
        vs.Monitor(
            registry=CollectorRegistry(), system_metrics=False, clock=clock, workers=str(tmp_path)
        )
        for _ in range(2)
    )
    first.profiles._keep(profile)
    assert second.profiles.recent() == first.profiles.recent() == [profile]
    found = second.profiles.get(profile.id)
    assert found == profile
    # What was read is not read again.
    assert second.profiles.get(profile.id) is found
    (path,) = tmp_path.glob(f"*{SUFFIX}")
    assert OURS.fullmatch(path.name)
    assert path.stat().st_mode & 0o077 == 0
    first.close()
    second.close()


def test_the_latest_are_kept_and_what_cannot_be_read_is_left_out(
    tmp_path: Path, monitor: vs.Monitor
) -> None:
    shared = SharedProfiles(tmp_path / "shared")
    assert shared.recent() == []
    for number in range(KEPT + 5):
        monitor.profiles._kept.clear()
        profile = add_profile(monitor)
        object.__setattr__(profile, "id", f"{number:016x}")
        shared.keep(profile)
        os.utime(tmp_path / "shared" / f"{profile.id}{SUFFIX}", (number, number))
    assert [one.id for one in shared.recent()] == [f"{n:016x}" for n in range(5, KEPT + 5)]
    (tmp_path / "shared" / f"{5:016x}{SUFFIX}").unlink()
    (tmp_path / "shared" / f"{6:016x}{SUFFIX}").write_bytes(b"nonsense")
    shared.reset()
    assert len(shared.recent()) == KEPT - 2


def test_a_directory_that_cannot_be_written(
    tmp_path: Path, clock: vs.ManualClock, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, clock=clock)
    monitor.profiles._shared = SharedProfiles(file / "within")
    monitor.profiles._keep(profile)
    assert monitor.profiles.recent() == [profile]
    assert monitor._recorder.internal_errors.counts["profile"] == 1
    assert "a profile is kept in this process alone" in caplog.text
    monitor.close()


def test_what_became_of_slow_calls_adds_up(tmp_path: Path) -> None:
    with processes(tmp_path, 3) as monitors:
        for calls, monitor in enumerate(monitors[:2], 1):
            monitor.configure(profile_slow_calls=True)
            # Without its thread, nothing is profiled in time.
            monitor.profiles.close()
            monitor._recorder.profile_of = monitor.profiles._watcher.profile_of
            for _ in range(calls):
                with monitor.operation("f", slow=1):
                    monitor.clock.advance(2)
            publish(monitor)
        die(monitors[0])
        for monitor in monitors:
            text = monitor.generate_latest().decode()
            assert 'vitalspan_profiles_total{result="too_short"} 3' in text
            assert 'vitalspan_profiles_total{result="taken"} 0' in text


def test_without_profiling_there_is_no_metric_of_it(monitor: vs.Monitor) -> None:
    with monitor.operation("f", slow=1):
        pass
    assert b"vitalspan_profiles_total" not in monitor.generate_latest()
