"""Records requests, WebSockets and background tasks of FastAPI as operations."""

from vitalspan.integrations.starlette import instrument

__all__ = ["instrument"]
