"""Profiles in speedscope's file format, in the order of the samples.

The format is specified in https://www.speedscope.app/file-format-schema.json.
"""

from __future__ import annotations

from typing import Any, Final

from vitalspan._version import __version__
from vitalspan.profiling.stack_samples import ProfileFrame, StackSamples

SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"


def as_speedscope(samples: StackSamples, name: str) -> dict[str, Any]:
    """Return samples as a speedscope file, ready for JSON.

    Args:
        samples: the stacks.
        name: the name of the profile.
    """
    return {
        "$schema": SCHEMA,
        "exporter": f"vitalspan {__version__}",
        "name": name,
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(frame) for frame in samples.frames]},
        "profiles": [
            {
                "type": "sampled",
                "name": name,
                "unit": "seconds",
                "startValue": 0,
                "endValue": samples.total,
                "samples": [samples.frame_indexes(leaf) for leaf in samples.leaves],
                "weights": list(samples.seconds),
            }
        ],
    }


def _frame(frame: ProfileFrame) -> dict[str, Any]:
    if not frame.filename:
        return {"name": frame.function}
    return {"name": frame.function, "file": frame.file, "line": frame.lineno}
