"""The names of the files in a shared directory, to tell ours from others."""

from __future__ import annotations

import re
from typing import Final

EVALUATED: Final = re.compile(
    r"journal-\d+|(evaluation|slo-history)(\.new)?|[0-9a-f]{16}\.(request|new|profile)"
)
"""The files of the evaluation, which are the journal, the alerts and health, and requests to the
leader; and the profiles of slow calls."""

OURS: Final = re.compile(
    rf"{EVALUATED.pattern}|[0-9a-f]{{16}}\.(worker|archiving)|\.[0-9a-f]{{16}}\.new"
    r"|archive|lock|leader|otlp-leader|http-\d+(\.new)?"
)
"""All files that processes create."""
