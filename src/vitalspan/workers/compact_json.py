"""JSON as the files of workers have it."""

from __future__ import annotations

import json
from typing import Any


def dump(document: Any) -> bytes:
    """Return compact JSON; what JSON cannot say is written as text."""
    return json.dumps(document, separators=(",", ":"), default=str).encode()
