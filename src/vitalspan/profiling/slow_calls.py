"""Finds calls that have exceeded their `slow=` limit, at no cost to the calls."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import Final, NamedTuple

from vitalspan.recording.call_record import Record
from vitalspan.recording.call_site import CallSite
from vitalspan.recording.recorder import Recorder, members

LONGEST_WAIT: Final = 0.25
"""Seconds between two checks for limits of new operations."""

_SHORTEST_WAIT: Final = 0.01


class SlowCalls(NamedTuple):
    """The calls that are slow at a moment.

    Attributes:
        records: the records of these calls, the oldest first.
        wait: the seconds in which no other call can become slow.
    """

    records: list[Record]
    wait: float


def slow_calls(recorder: Recorder, now: float) -> SlowCalls:
    """Return the running calls that are slow.

    Until the shortest of all limits has passed since the previous call, or the running calls have
    exceeded theirs, no call can become slow. So this only needs to be called that often.

    Args:
        recorder: the recorder of the calls.
        now: the current time on its steady clock in seconds.
    """
    sites = [
        site
        for site in members(recorder.sites)
        if isinstance(site, CallSite) and site.slow is not None
    ]
    wait = min((site.slow for site in sites if site.slow is not None), default=math.inf)
    records = []
    for series in {id(site.series): site.series for site in sites}.values():
        for record in series.running():
            limit = record[2].slow
            if limit is None or record[0] < recorder.born:
                continue
            left = record[0] + limit - now
            if left < 0:
                records.append(record)
            else:
                wait = min(wait, left)
    records.sort(key=itemgetter(0))
    return SlowCalls(records, max(_SHORTEST_WAIT, min(LONGEST_WAIT, wait)))
