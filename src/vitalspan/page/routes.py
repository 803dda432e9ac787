"""The routes of the page and its JSON API, below wherever they are mounted."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from vitalspan.page.actions import Token
from vitalspan.page.api import Answer, answer, problem
from vitalspan.page.assets import INDEX, asset
from vitalspan.page.endpoints import API_PATH
from vitalspan.page.json_document import dump
from vitalspan.page.openapi import openapi_text

STATIC_PATH: Final = "/static/"

EVENTS_PATH: Final = f"{API_PATH}events"
TOKEN_PATH: Final = f"{API_PATH}token"
OPENAPI_PATH: Final = f"{API_PATH}openapi.json"

_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # Text from others can only become text nodes: there is no way to create markup from it.
    "require-trusted-types-for 'script'",
    "trusted-types vitalspan",
)

HEADERS: Final = (
    ("Content-Security-Policy", "; ".join(_POLICY)),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-cache"),
)
"""The headers of every response."""


def answer_path(path: str, query: str, registry: object, *, trusted: bool = False) -> Answer:
    """Return the response to a `GET` request.

    Args:
        path: the path below the mount, with percent-encoding decoded.
        query: the part after the question mark, still encoded.
        registry: the registry of the monitor to show.
        trusted: whether the client is authenticated or local.
    """
    if path == EVENTS_PATH:
        # On servers without streams, this tells a browser not to ask for events again.
        return Answer(HTTPStatus.NO_CONTENT, b"")
    if path == OPENAPI_PATH:
        return Answer(HTTPStatus.OK, openapi_text().encode())
    if path == TOKEN_PATH:
        # Only a server that authenticates its clients itself gives out a token.
        return Answer(HTTPStatus.OK, dump(Token(None)))
    if path.startswith(API_PATH):
        return answer(path.removeprefix(API_PATH), query, registry, trusted=trusted)
    name = INDEX if path == "/" else path.removeprefix(STATIC_PATH)
    found = asset(name)
    if found is None:
        return problem(HTTPStatus.NOT_FOUND, "there is no such file")
    return Answer(HTTPStatus.OK, found.body, found.content_type, found.etag)
