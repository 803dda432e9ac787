"""The key of an aiohttp request for what integrations note about it.

It is a module of its own, since aiohttp wants such keys to be made in the body of a module, and
since this one may only be imported where aiohttp is.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

# Older versions take any text for a key, and newer ones would rather not.
NOTES: Final[Any] = web.RequestKey("vitalspan", dict) if hasattr(web, "RequestKey") else "vitalspan"
