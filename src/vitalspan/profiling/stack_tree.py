"""A tree that stacks are added to while a call is sampled; its size is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from types import CodeType
from typing import Final

from vitalspan.profiling.stack_samples import ROOT, Node, ProfileFrame, StackSamples

MAX_DEPTH: Final = 128
"""Frames of a stack. Of a deeper one, those in the middle are left out."""

MAX_NODES: Final = 4000
"""Nodes of a tree. When it is full, new stacks end at the last node that they share with it."""

LEFT_OUT: Final = "[frames left out]"

Stack = Sequence[tuple[CodeType, int]]
"""The code and the line of each frame, the outermost first."""

_Key = tuple[int, int]
"""The `id` of a code object, and a line."""


class StackTree:
    """Adds stacks to a tree.

    Args:
        max_nodes: nodes of the tree, at most.
    """

    def __init__(self, max_nodes: int = MAX_NODES) -> None:
        self._max_nodes = max_nodes
        self._nodes: list[Node] = []
        self._children: dict[tuple[int, _Key], int] = {}
        self._frames: dict[_Key, int] = {}
        # Codes are compared by what is in them, which takes long, so they go by their `id`, which
        # stays theirs as long as they are kept.
        self._codes: list[CodeType | None] = []
        self._lines: list[int] = []
        self._leaves: list[int] = []
        self._seconds: list[float] = []

    def __len__(self) -> int:
        return len(self._leaves)

    def add(self, stack: Stack, seconds: float) -> None:
        """Add a stack, which was seen for so many seconds."""
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
        """Return what was added, without any reference to what has run."""
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
