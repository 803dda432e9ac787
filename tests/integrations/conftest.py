"""Shops that run in every framework, for all tests of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.http_frameworks import RunningShop, running_shop


@pytest.fixture(scope="module")
def running() -> Iterator[Callable[[str], RunningShop]]:
    """Return the shop of a framework: it is started when it is first asked for.

    No integration may have had an error of its own by the end.
    """
    with ExitStack() as stack:

        @cache
        def shop(framework: str) -> RunningShop:
            monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
            stack.callback(monitor.close)
            stack.callback(check, monitor)
            return stack.enter_context(running_shop(framework, monitor))

        def check(monitor: vs.Monitor) -> None:
            assert sum(monitor._recorder.internal_errors.counts.values()) == 0

        yield shop
