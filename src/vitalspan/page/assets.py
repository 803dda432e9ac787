"""The files of the page, served from the package."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

INDEX: Final = "index.html"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_FOLDERS: Final = ("", "views/", "vendor/")


class Asset(NamedTuple):
    """A file of the page.

    Attributes:
        body: the content.
        content_type: its media type.
        etag: changes with the content.
    """

    body: bytes
    content_type: str
    etag: str


def asset(name: str) -> Asset | None:
    """Return a file by its name below `static/`; None if it does not exist."""
    return _asset(name) if name in _names() else None


@cache
def _names() -> frozenset[str]:
    root = files("vitalspan.page") / "static"
    return frozenset(
        f"{folder}{one.name}"
        for folder in _FOLDERS
        for one in (root / folder if folder else root).iterdir()
        if one.is_file() and f".{one.name.rpartition('.')[2]}" in _TYPES
    )


@cache
def _asset(name: str) -> Asset:
    body = (files("vitalspan.page") / "static" / name).read_bytes()
    content_type = _TYPES[f".{name.rpartition('.')[2]}"]
    return Asset(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
