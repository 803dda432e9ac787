"""Access control: refuses requests over the rate limit and those without a valid password."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from vitalspan.serve.messages import Request, Response, text_response
from vitalspan.serve.web_config.basic_auth import CHALLENGE

if TYPE_CHECKING:
    from vitalspan.serve.web_config import WebConfig


def refusal(request: Request, config: WebConfig) -> Response | None:
    """Return the response to a client that is not admitted; None if the request may go on.

    With users in the configuration this may take as long as bcrypt needs to check a password.
    """
    if config.rate_limit and not config.rate_limit.admits(time.monotonic()):
        return text_response(HTTPStatus.TOO_MANY_REQUESTS, "too many requests")
    if config.users and not config.users.admits(request.headers.get("authorization")):
        return text_response(
            HTTPStatus.UNAUTHORIZED, "a user name and password are needed", CHALLENGE
        )
    return None
