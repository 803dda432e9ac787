"""A request to a server that may not be ready yet."""

from __future__ import annotations

import http.client


def get(port: int, path: str) -> bytes:
    """Return a body; empty if there is no response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()
