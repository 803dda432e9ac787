"""Decorated functions keep their signatures, for type checkers and at run time."""

from __future__ import annotations

import asyncio
import importlib
import importlib.resources
import inspect
import typing

import pytest

import vitalspan as vs


@pytest.fixture
def samples(registry, monkeypatch):
    """The samples, decorated by a default monitor of this test's own."""
    monitor = vs.Monitor(registry=registry, system_metrics=False)
    monkeypatch.setattr("vitalspan.default._monitors", [monitor])
    monkeypatch.delitem(importlib.sys.modules, "typing_samples", raising=False)
    yield importlib.import_module("typing_samples")
    monitor.close()
    monkeypatch.delitem(importlib.sys.modules, "typing_samples", raising=False)


def test_the_samples_do_what_their_types_say(samples, sample):
    samples.signatures()
    samples.blocks()
    asyncio.run(samples.awaited())
    assert sample("operation_duration_seconds_count", operation="bare") == 2
    assert sample("operation_duration_seconds_count", operation="half") == 1


def test_hints_can_be_resolved_at_run_time(samples):
    assert typing.get_type_hints(samples.bare) == {"a": int, "b": str, "return": float}
    assert typing.get_type_hints(samples.Shop.sell) == {"item": str, "return": int}
    assert list(inspect.signature(samples.named).parameters) == ["a", "b"]


def test_the_package_says_that_it_is_typed():
    assert importlib.resources.files("vitalspan").joinpath("py.typed").is_file()
