"""Tests with a short form for every day and a long one, which `make test-long` runs."""

from __future__ import annotations

import os
from typing import Final

LONG: Final = os.environ.get("VITALSPAN_LONG") == "1"
"""Whether the long forms run."""
