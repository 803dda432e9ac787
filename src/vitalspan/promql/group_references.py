"""References to groups of a regular expression in a replacement, as in Go's `Expand`."""

from __future__ import annotations

import re
from typing import Final

_REFERENCE: Final = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)


def expand(replacement: str, match: re.Match[str]) -> str:
    """Return a replacement with the groups of a match instead of `$1` and `${name}`.

    A group that does not exist or does not match is empty, and `$$` is a dollar sign.
    """

    def value(reference: re.Match[str]) -> str:
        name = reference.group(1) or reference.group(2)
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except IndexError:
            return ""

    return _REFERENCE.sub(value, replacement)
