"""Access control: which requests are refused by the rate limit or for want of a password."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from vitalspan.serve.messages import Request, Response, text_response
from vitalspan.serve.web_config.basic_auth import CHALLENGE

if TYPE_CHECKING:
    from vitalspan.serve.web_config import WebConfig


def refusal(request: Request, config: WebConfig) -> Response | None:
    """Return the response to a client that is not let in, and None for everyone else.

    With users it may take as long as bcrypt needs for a password.
    """
    if config.rate_limit and not config.rate_limit.admits(time.monotonic()):
        return text_response(HTTPStatus.TOO_MANY_REQUESTS, "too many requests")
    if config.users and not config.users.admits(request.headers.get("authorization")):
        return text_response(
            HTTPStatus.UNAUTHORIZED, "a user name and its password are needed", CHALLENGE
        )
    return None
