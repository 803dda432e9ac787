"""Converts values to types that JSON has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

_MAX_TEXT: Final = 1000
"""The maximum length of the text of a value that JSON has no type for."""


def json_ready(value: Any) -> Any:
    """Return a value in types that JSON has, for any reader.

    Numbers that JSON cannot represent, such as infinity, become None. Values that JSON has no type
    for, such as objects in attributes of calls, become their text.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): json_ready(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, AbstractSet)):
        return [json_ready(one) for one in value]
    try:
        return str(value)[:_MAX_TEXT]
    except Exception:  # noqa: BLE001 - an object of a user's own may be unable to say itself
        return f"<{type(value).__name__}>"
