"""What every integration with a task queue does with messages, whoever has sent them."""

from __future__ import annotations

from typing import Any

import pytest

import vitalspan as vs
from vitalspan.integrations.task_operations import PUBLISHED, TaskOperations
from vitalspan.recording.current_call import current_request


@pytest.mark.parametrize("sent", ["yesterday", {}, "nan", ""])
def test_a_message_with_a_time_that_is_none(monitor: vs.Monitor, sent: Any) -> None:
    call = TaskOperations(monitor=monitor).begin("pay", "mail", {PUBLISHED: sent})
    assert call is not None
    call.end("succeeded")
    assert current_request.get() is None
    statistics = monitor.statistics()
    assert (statistics.count, statistics.in_progress) == (1, 0)
