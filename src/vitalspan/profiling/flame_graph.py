"""Flame graphs as SVG: a box per frame below its caller, as wide as its share of the time.

They follow https://www.brendangregg.com/flamegraphs.html, with the outermost frame on top. The file
has no script and no style, so that even a page with the strictest policy can show it.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from typing import Final, NamedTuple

from vitalspan.profiling.stack_samples import ROOT, ProfileFrame, StackSamples
from vitalspan.words import one_line

WIDTH: Final = 1200
ROW: Final = 18
"""The height of a box and the gap below it, in pixels."""

_MARGIN: Final = 10
_HEADING: Final = 40
_FONT: Final = 12
_CHARACTER: Final = 6.6
"""The approximate width of a character of the font."""

_NARROWEST: Final = 0.3
"""The width in pixels below which a box is left out, because it would be invisible."""

_COLORS: Final = ("#f4a259", "#f2b75c", "#e8895a", "#f0c987", "#e59e6d", "#f6bd60", "#ec9a6e")
"""All colours have a contrast of more than 7 to black text."""


class Box(NamedTuple):
    """A frame in a flame graph.

    Attributes:
        node: the index of the node.
        left: its left edge as a share of the width, 0 to 1.
        width: its share of the width.
        depth: the number of frames above it.
    """

    node: int
    left: float
    width: float
    depth: int


def boxes(samples: StackSamples) -> Iterator[Box]:
    """Yield the boxes of a flame graph; of those with the same caller, the widest is first."""
    if not samples.total:
        return
    seconds = samples.node_seconds
    children: defaultdict[int, list[int]] = defaultdict(list)
    for index, node in enumerate(samples.nodes):
        children[node.parent].append(index)
    waiting = [(ROOT, 0.0, 0)]
    while waiting:
        parent, left, depth = waiting.pop()
        for index in sorted(children[parent], key=lambda one: -seconds[one]):
            width = seconds[index] / samples.total
            yield Box(index, left, width, depth)
            waiting.append((index, left, depth + 1))
            left += width


def as_svg(samples: StackSamples, name: str) -> str:
    """Return samples as one SVG file.

    Args:
        samples: the stacks.
        name: the name of the profile.
    """
    inner = WIDTH - 2 * _MARGIN
    drawn = [box for box in boxes(samples) if box.width * inner >= _NARROWEST]
    height = _HEADING + ROW * (max((box.depth for box in drawn), default=0) + 1) + _MARGIN
    title = escape(one_line(name))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{_FONT}">'
    )
    rows = [
        head,
        f"<title>{title}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_MARGIN}" y="25" font-size="15">{title}</text>',
    ]
    rows += [_drawn(box, samples, inner) for box in drawn]
    return "\n".join([*rows, "</svg>", ""])


def _drawn(box: Box, samples: StackSamples, inner: int) -> str:
    frame = samples.frames[samples.nodes[box.node].frame]
    place = one_line(frame.place)
    seconds = samples.node_seconds[box.node]
    left, width = _MARGIN + box.left * inner, box.width * inner
    top = _HEADING + box.depth * ROW
    label = _cut(place, width)
    text = f'<text x="{left + 3:.1f}" y="{top + 13}">{escape(label)}</text>' if label else ""
    return (
        f"<g><title>{escape(place)}: {seconds:.3f} s, {box.width:.1%}</title>"
        f'<rect x="{left:.2f}" y="{top}" width="{max(0.1, width - 0.5):.2f}" height="{ROW - 1}" '
        f'rx="2" fill="{_color(frame)}"/>{text}</g>'
    )


def _cut(text: str, width: float) -> str:
    room = int((width - 6) / _CHARACTER)
    if len(text) <= room:
        return text
    return f"{text[: room - 1]}\N{HORIZONTAL ELLIPSIS}" if room > 3 else ""


def _color(frame: ProfileFrame) -> str:
    # By file, so that related frames have the same colour.
    return _COLORS[zlib.crc32(frame.file.encode("utf-8", "replace")) % len(_COLORS)]
