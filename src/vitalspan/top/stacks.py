"""The stacks of a service's running calls, from the JSON API of its page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from urllib.parse import urlencode

from vitalspan.top.json_fields import Fields
from vitalspan.top.service_report import ServiceApi
from vitalspan.top.terminal_text import UNKNOWN, safe, seconds


def stacks_at(
    api: ServiceApi, *, operation: str = "", component: str = "", limit: int = 20
) -> Fields:
    """Return the document of the stacks.

    Args:
        api: the API of the service.
        operation: the operation of the calls; empty for all.
        component: the component of the calls; empty for all.
        limit: the maximum number of calls.

    Raises:
        ConfigurationError: for an invalid URL.
        ScrapeError: if it is not available.
    """
    asked = {"operation": operation, "component": component, "limit": str(limit)}
    return api.ask("stacks", urlencode({name: text for name, text in asked.items() if text}))


def stacks_text(document: Fields) -> Iterator[str]:
    """Yield the lines for a document of stacks, in the format of Python's tracebacks."""
    calls = document.objects("calls")
    if not calls:
        yield "no call is running"
        return
    for call in calls:
        yield _head(call)
        if left_out := call.number("frames_left_out"):
            yield f"  {left_out:.0f} outer frames are left out"
        lines = [_line(frame) for frame in call.objects("frames")]
        for line, same in groupby(lines):
            yield line
            if (more := len(list(same)) - 1) > 0:
                yield f"  [previous line repeated {more} more times]"
        if not lines:
            yield "  its frames are not known; a block has them if it is named by `as call`"
    left_out = int(document.number("total") or 0) - len(calls)
    if left_out > 0:
        yield f"and {left_out} more"


def _line(frame: Fields) -> str:
    place = f"{frame.text('file')}:{frame.number('lineno') or 0:.0f}"
    return safe(f"  {place} in {frame.text('function')}")


def _head(call: Fields) -> str:
    parts = [
        f"{call.text('component')}/{call.text('operation')}, for {seconds(call.number('age'))}"
    ]
    parts += [
        f"{name} {call.text(field)}"
        for name, field in (("task", "task"), ("thread", "thread"), ("trace", "trace_id"))
        if call.text(field)
    ]
    return safe(", ".join(parts) or UNKNOWN)
