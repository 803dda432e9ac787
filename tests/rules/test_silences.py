"""Silences that are refused, and those that are not."""

from __future__ import annotations

import math
from typing import Any

import pytest

import vitalspan as vs
from support.notify_alerts import firing
from vitalspan.rules.silences import MOST, Silences


@pytest.mark.parametrize(
    "where", [{}, {"nope": ""}, {"team": "!=shop"}, {"team": "=~.*"}, {"a": "", "b": "!=x"}]
)
def test_a_silence_that_would_silence_nearly_everything_is_refused(
    monitor: vs.Monitor, where: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="would silence alerts without these labels, too"):
        monitor.alerts.silence(where, 60)
    assert monitor.alerts.silences() == []


@pytest.mark.parametrize("seconds", [0, -5, math.nan, math.inf, "1h", None])
def test_a_silence_lasts(monitor: vs.Monitor, seconds: Any) -> None:
    with pytest.raises(ValueError, match=f"seconds={seconds!r}: give the duration of the silence"):
        monitor.alerts.silence({"alertname": "Slow"}, seconds)


def test_a_silence_has_conditions(monitor: vs.Monitor) -> None:
    where: Any = "Slow"
    with pytest.raises(ValueError, match="'Slow' is not a mapping: use conditions such as"):
        monitor.alerts.silence(where, 60)


def test_everything_can_be_silenced_on_purpose(monitor: vs.Monitor) -> None:
    monitor.alerts.silence({"alertname": "=~.+"}, 60)
    (silence,) = monitor.alerts.silences()
    assert monitor.alerts.unsilence(silence.id)
    assert not monitor.alerts.unsilence(silence.id)


def test_they_are_bounded() -> None:
    silences = Silences()
    for number in range(MOST + 1):
        silences.add({"n": str(number)}, 100.0)
    assert len(silences.active(0.0)) == MOST
    assert silences.until(firing(labels={"n": "0"}), 0.0) == 0.0
    assert silences.until(firing(labels={"n": "1"}), 0.0) == 100.0
    assert silences.active(100.0) == []
