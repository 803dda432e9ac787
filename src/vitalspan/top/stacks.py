"""The stacks of the calls that are running in a service, from the JSON API of its page."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from vitalspan.top.json_fields import Fields
from vitalspan.top.service_report import ServiceApi
from vitalspan.top.terminal_text import UNKNOWN, safe, seconds


def stacks_at(
    api: ServiceApi, *, operation: str = "", component: str = "", limit: int = 20
) -> Fields:
    """Return the document of the stacks.

    Args:
        api: of the service.
        operation: whose calls are shown; empty for all.
        component: whose calls are shown; empty for all.
        limit: calls that are shown, at most.

    Raises:
        ConfigurationError: for a URL that is none.
        ScrapeError: if it cannot be had.
    """
    asked = {"operation": operation, "component": component, "limit": str(limit)}
    return api.ask("stacks", urlencode({name: text for name, text in asked.items() if text}))


def stacks_text(document: Fields) -> Iterator[str]:
    """Yield the lines of a document of stacks, as Python writes tracebacks."""
    calls = document.objects("calls")
    if not calls:
        yield "no call is running"
        return
    for call in calls:
        yield _head(call)
        frames = call.objects("frames")
        for frame in frames:
            place = f"{frame.text('file')}:{frame.number('lineno') or 0:.0f}"
            yield safe(f"  {place} in {frame.text('function')}")
        if not frames:
            yield "  it was not found on any stack"
    left_out = int(document.number("total") or 0) - len(calls)
    if left_out > 0:
        yield f"and {left_out} more"


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
