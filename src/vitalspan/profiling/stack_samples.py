"""Sampled stacks, as a tree of their common frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from vitalspan.statistics.source_path import short_path

ROOT: Final = -1
"""The parent of the outermost frames."""


class ProfileFrame(NamedTuple):
    """A line of a function in a stack.

    Attributes:
        function: the qualified name of the function.
        filename: the path that the interpreter uses.
        lineno: the line number.
    """

    function: str
    filename: str
    lineno: int

    @property
    def file(self) -> str:
        """The path relative to its import directory, such as `shop/cart.py`."""
        return short_path(self.filename)

    @property
    def place(self) -> str:
        """The frame as a text, `pay (shop/cart.py:12)`; without a file, only the function."""
        return f"{self.function} ({self.file}:{self.lineno})" if self.filename else self.function


class Node(NamedTuple):
    """A frame and its position in the tree of calls.

    Attributes:
        parent: the index of the node that called it; `ROOT` for an outermost frame.
        frame: the index of its frame.
    """

    parent: int
    frame: int


@dataclass(frozen=True)
class LineTime:
    """The time of one line.

    Attributes:
        frame: the line.
        seconds: the time in which it was the innermost line of the stack.
        share: the share of the sampled time, 0 to 1.
    """

    frame: ProfileFrame
    seconds: float
    share: float


@dataclass(frozen=True)
class StackSamples:
    """Stacks in the order of the samples.

    Attributes:
        frames: all distinct frames.
        nodes: the tree of the stacks; parents come before their children.
        leaves: the index of the innermost node of each sample.
        seconds: the time that each sample represents.
    """

    frames: tuple[ProfileFrame, ...]
    nodes: tuple[Node, ...]
    leaves: tuple[int, ...]
    seconds: tuple[float, ...]

    def stack(self, leaf: int) -> list[ProfileFrame]:
        """Return the frames of a stack, the outermost first."""
        return [self.frames[frame] for frame in self.frame_indexes(leaf)]

    def frame_indexes(self, leaf: int) -> list[int]:
        """Return the indexes of the frames of a stack, the outermost first."""
        indexes = []
        while leaf != ROOT:
            leaf, frame = self.nodes[leaf]
            indexes.append(frame)
        return indexes[::-1]

    @cached_property
    def total(self) -> float:
        """The seconds of all samples."""
        return sum(self.seconds)

    @cached_property
    def own_seconds(self) -> tuple[float, ...]:
        """The seconds in which each node was the innermost."""
        own = [0.0] * len(self.nodes)
        for leaf, seconds in zip(self.leaves, self.seconds, strict=True):
            own[leaf] += seconds
        return tuple(own)

    @cached_property
    def node_seconds(self) -> tuple[float, ...]:
        """The seconds of each node, including everything that it has called."""
        total = list(self.own_seconds)
        for index in range(len(self.nodes) - 1, -1, -1):
            parent = self.nodes[index].parent
            if parent != ROOT:
                total[parent] += total[index]
        return tuple(total)

    def lines(self) -> Iterator[LineTime]:
        """Yield the lines by their own time, the most first."""
        own: defaultdict[int, float] = defaultdict(float)
        for node, seconds in zip(self.nodes, self.own_seconds, strict=True):
            own[node.frame] += seconds
        total = self.total
        for frame, seconds in sorted(own.items(), key=lambda item: -item[1]):
            if seconds > 0:
                yield LineTime(self.frames[frame], seconds, seconds / total)
