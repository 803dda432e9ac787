"""The names of the files in a shared directory, by which ours are told from those of others."""

from __future__ import annotations

import re
from typing import Final

EVALUATED: Final = re.compile(r"journal-\d+|evaluation(\.new)?|[0-9a-f]{16}\.(request|new)")
"""What those who evaluate rules leave: the past, what they have found, and requests to them."""

OURS: Final = re.compile(
    rf"{EVALUATED.pattern}|[0-9a-f]{{16}}\.(worker|archiving)|\.[0-9a-f]{{16}}\.new"
    r"|archive|lock|leader|otlp-leader"
)
"""Everything that processes make."""
