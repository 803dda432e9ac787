"""What is said where Python has no global interpreter lock."""

from __future__ import annotations

import logging
import sys

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.runtime import free_threading


def notices(caplog: pytest.LogCaptureFixture, monitors: int) -> list[str]:
    with caplog.at_level(logging.WARNING, "vitalspan"):
        for _ in range(monitors):
            vs.Monitor(registry=CollectorRegistry(), system_metrics=False).close()
    return [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def _not_noticed_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_threading, "_noticed", False)


def test_without_the_lock_it_is_said_once_with_what_to_do(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    [notice] = notices(caplog, monitors=2)
    assert "without its global interpreter lock" in notice
    assert "PYTHON_GIL=1" in notice


def test_with_the_lock_nothing_is_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    assert notices(caplog, monitors=1) == []


def test_a_python_that_cannot_be_asked_has_the_lock(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys, "_is_gil_enabled", raising=False)
    assert notices(caplog, monitors=1) == []
