"""Changes made on the page, which are only allowed if the server authenticates its clients."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from vitalspan.runtime import fork
from vitalspan.serve.messages import Request, Response, make_response, text_response

if TYPE_CHECKING:
    from vitalspan.serve.web_config import WebConfig

_API: Final = "/api/v1/"
_TOKEN_PATH: Final = f"{_API}token"

_log = logging.getLogger(__name__)


def is_change(request: Request) -> bool:
    """Return whether a request asks for a change, or for the token that changes require."""
    if request.method == "POST":
        return request.path.startswith(_API)
    return request.method == "GET" and request.path == _TOKEN_PATH


def knows_clients(config: WebConfig) -> bool:
    """Return whether every client has to have a password or a certificate."""
    return config.users is not None or (config.tls is not None and config.tls.asks_who_it_is)


def respond_change(request: Request, registry: object, *, allowed: bool) -> Response:
    """Return the response to a change, or to a request for the token.

    Args:
        request: a request for which `is_change` is true.
        registry: the registry whose monitor is changed.
        allowed: whether the server authenticates its clients.
    """
    with fork.imports_finish_first:
        # Imported here, because a process whose page nobody opens does not need it.
        from vitalspan.page.actions import Token, change, current_token  # noqa: PLC0415
        from vitalspan.page.json_document import dump  # noqa: PLC0415
        from vitalspan.page.routes import HEADERS  # noqa: PLC0415

    if request.method == "GET":
        body = dump(Token(current_token() if allowed else None))
        headers = dict(HEADERS) | {"Cache-Control": "no-store"}
        return make_response(HTTPStatus.OK, body, "application/json", *headers.items())
    if not allowed:
        return text_response(
            HTTPStatus.FORBIDDEN,
            "nothing can be changed here: the web configuration has neither users nor client "
            "certificates",
        )
    try:
        name = request.path.removeprefix(_API)
        made = change(name, request.query, request.headers, registry)
    except Exception:  # noqa: BLE001 - a client must get some response, whatever was raised
        _log.exception("the change %r failed", request.path)
        return text_response(HTTPStatus.INTERNAL_SERVER_ERROR, "the change failed")
    return make_response(made.status, made.body, made.content_type, *HEADERS)
