"""Converts profiles to and from JSON, to share them between the processes of a service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from vitalspan.profiling.profile import Profile
from vitalspan.profiling.stack_samples import ROOT, Node, ProfileFrame, StackSamples

_NAMES: Final = tuple(one.name for one in fields(Profile) if one.name != "samples")


def encode(profile: Profile) -> bytes:
    """Return a profile as JSON."""
    samples = profile.samples
    document = {name: getattr(profile, name) for name in _NAMES}
    document["labels"] = dict(profile.labels)
    document["samples"] = [samples.frames, samples.nodes, samples.leaves, samples.seconds]
    return json.dumps(document, separators=(",", ":")).encode()


def decode(encoded: bytes) -> Profile:
    """Return a profile from its JSON.

    Raises:
        ValueError: for a profile that this version cannot read.
    """
    try:
        document: Mapping[str, Any] = json.loads(encoded)
        values = {name: document[name] for name in _NAMES}
        samples = _samples(*document["samples"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"this is not a profile: {error!r:.80}") from None
    if not _fit(samples):
        raise ValueError("this is not a profile: its stacks do not fit together")
    return Profile(**values, samples=samples)


def _samples(frames: Any, nodes: Any, leaves: Any, seconds: Any) -> StackSamples:
    return StackSamples(
        tuple(ProfileFrame(str(name), str(file), int(line)) for name, file, line in frames),
        tuple(Node(int(parent), int(frame)) for parent, frame in nodes),
        tuple(map(int, leaves)),
        tuple(map(float, seconds)),
    )


def _fit(samples: StackSamples) -> bool:
    in_order = all(
        ROOT <= parent < index and 0 <= frame < len(samples.frames)
        for index, (parent, frame) in enumerate(samples.nodes)
    )
    in_range = all(0 <= leaf < len(samples.nodes) for leaf in samples.leaves)
    return in_order and in_range and len(samples.leaves) == len(samples.seconds)
