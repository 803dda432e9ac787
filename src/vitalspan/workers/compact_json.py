"""JSON as it is used in the files of workers."""

from __future__ import annotations

import json
from typing import Any


def dump(document: Any) -> bytes:
    """Return compact JSON; values that JSON cannot represent are written as strings."""
    return json.dumps(document, separators=(",", ":"), default=str).encode()
