"""The key of an aiohttp request for the data that integrations store in it.

It has a module of its own, because aiohttp wants such keys to be created at module level, and
because this module can only be imported if aiohttp is installed.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

# Older versions accept any string as a key; newer ones warn about it.
REQUEST_KEY: Final[Any] = (
    web.RequestKey("vitalspan", dict) if hasattr(web, "RequestKey") else "vitalspan"
)
