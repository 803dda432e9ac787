"""The details of calls, as processes publish them for each other."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.recording.detail_counts import FIRST_BYTE_GRID, DetailCounts
from vitalspan.workers.details_encoding import details_document, sum_of_details

seconds = st.floats(0, 1e4, allow_nan=False)


def counted(durations: list[float]) -> DetailCounts:
    details = DetailCounts()
    if durations:
        buckets = FIRST_BYTE_GRID.count(sorted(durations))
        details.add_first_bytes(buckets, sum(durations))
    return details


def published(details: DetailCounts) -> Any:
    return json.loads(json.dumps(details_document(details, 0.0)))


@settings(deadline=None)
@given(st.lists(st.lists(seconds), max_size=4))
def test_first_bytes_of_several_processes_add_up(processes: list[list[float]]) -> None:
    details = sum_of_details(map(published, map(counted, processes)), 0.0)
    everything = counted([one for durations in processes for one in durations])
    if everything.first_bytes is None:
        assert details.first_bytes is None
    else:
        assert details.first_bytes is not None
        assert list(details.first_bytes.items()) == list(everything.first_bytes.items())
        assert abs(details.first_bytes.total - everything.first_bytes.total) < 1e-3
