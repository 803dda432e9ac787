"""A tree of bounded size, to which the stacks of a call are added while it is sampled."""

from __future__ import annotations

from collections.abc import Sequence
from types import CodeType
from typing import Final

from vitalspan.profiling.stack_samples import ROOT, Node, ProfileFrame, StackSamples

MAX_DEPTH: Final = 128
"""The maximum number of frames of a stack. Deeper stacks lose frames in the middle."""

MAX_NODES: Final = 4000
"""The maximum number of nodes; in a full tree, new stacks end at the last common node."""

LEFT_OUT: Final = "[frames left out]"

Stack = Sequence[tuple[CodeType, int]]
"""The code and the line of each frame, the outermost first."""

_Key = tuple[int, int]
"""The `id` of a code object, and a line number."""


class StackTree:
    """Adds stacks to a tree.

    Args:
        max_nodes: the maximum number of nodes.
    """

    def __init__(self, max_nodes: int = MAX_NODES) -> None:
        self._max_nodes = max_nodes
        self._nodes: list[Node] = []
        self._children: dict[tuple[int, _Key], int] = {}
        self._frames: dict[_Key, int] = {}
        # Comparing code objects compares their contents, which is slow, so they are identified by
        # their `id`, which is unique as long as they are kept.
        self._codes: list[CodeType | None] = []
        self._lines: list[int] = []
        self._leaves: list[int] = []
        self._seconds: list[float] = []

    def __len__(self) -> int:
        return len(self._leaves)

    def add(self, stack: Stack, seconds: float) -> None:
        """Add a stack that represents this many seconds."""
        node = ROOT
        for code, line in _cut(stack):
            child = self._child(node, code, line)
            if child is None:
                break
            node = child
        if node != ROOT:
            self._leaves.append(node)
            self._seconds.append(seconds)

    def samples(self) -> StackSamples:
        """Return the samples, without references to any code objects."""
        frames = tuple(
            ProfileFrame(LEFT_OUT, "", 0)
            if code is None
            else ProfileFrame(code.co_qualname, code.co_filename, line)
            for code, line in zip(self._codes, self._lines, strict=True)
        )
        return StackSamples(frames, tuple(self._nodes), tuple(self._leaves), tuple(self._seconds))

    def _child(self, parent: int, code: CodeType | None, line: int) -> int | None:
        key = (id(code), line)
        child = self._children.get((parent, key))
        if child is None:
            if len(self._nodes) >= self._max_nodes:
                return None
            frame = self._frames.get(key)
            if frame is None:
                frame = self._frames[key] = len(self._codes)
                self._codes.append(code)
                self._lines.append(line)
            child = self._children[parent, key] = len(self._nodes)
            self._nodes.append(Node(parent, frame))
        return child


def _cut(stack: Stack) -> Sequence[tuple[CodeType | None, int]]:
    if len(stack) <= MAX_DEPTH:
        return stack
    half = MAX_DEPTH // 2
    return [*stack[:half], (None, 0), *stack[-half:]]
