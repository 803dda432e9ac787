"""Collapsed stacks: one stack per line, with frames separated by semicolons, and its count.

The format is that of https://github.com/brendangregg/FlameGraph.
"""

from __future__ import annotations

from collections import Counter

from vitalspan.profiling.stack_samples import ProfileFrame, StackSamples
from vitalspan.words import one_line


def as_collapsed(samples: StackSamples) -> str:
    """Return samples as collapsed stacks, the most frequent first."""
    rows = [
        f"{';'.join(map(_text, samples.stack(leaf)))} {count}\n"
        for leaf, count in Counter(samples.leaves).most_common()
    ]
    return "".join(rows)


def _text(frame: ProfileFrame) -> str:
    return one_line(frame.place).replace(";", ",")
