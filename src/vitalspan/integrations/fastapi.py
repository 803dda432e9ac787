"""Requests, websockets and background tasks of FastAPI as operations, by one line."""

from vitalspan.integrations.starlette import instrument

__all__ = ["instrument"]
