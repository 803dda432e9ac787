"""A client of the HTTP API of Prometheus and compatible servers."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from vitalspan.errors import ConfigurationError, VitalspanError
from vitalspan.http_client.client import HttpResponse, fetch
from vitalspan.http_client.connection import HttpError
from vitalspan.http_client.target import HttpTarget

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_ACCESS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class ServerError(VitalspanError):
    """The server does not respond like Prometheus. The message has no secrets."""


class UnreachableError(ServerError):
    """The server cannot be reached."""


class RefusedError(Exception):
    """A request was refused. The message comes from the server."""


class SlowError(RefusedError):
    """A request was not answered in time."""


class TooLargeError(RefusedError):
    """A response was too large."""


class PrometheusHttp:
    """Requests data from a server. Proxies from the environment are used.

    Args:
        target: the server; its timeout applies to requests.
        most: the maximum size of a response in bytes.
        access_hint: how to pass a password, for messages.

    Attributes:
        shown: the URL of the server without secrets.
    """

    def __init__(self, target: HttpTarget, most: int, access_hint: str) -> None:
        self._target = target
        self._path = target.selector.partition("?")[0].rstrip("/")
        self._most = most
        self._access_hint = access_hint
        self.shown = target.shown

    def ask(self, endpoint: str, parameters: dict[str, str], *, post: bool = True) -> Any:
        """Return the JSON document of a response, which has `data`.

        Args:
            endpoint: the path below `/api/v1/`.
            parameters: the parameters of the request.
            post: whether to post the parameters, because queries are long.

        Raises:
            RefusedError: if the request is refused or not answered in time.
            ServerError: if the server does not respond like Prometheus.
        """
        selector, form = f"{self._path}/api/v1/{endpoint}", urlencode(parameters)
        if form and not post:
            selector, form = f"{selector}?{form}", ""
        try:
            response = fetch(self._target, selector, form.encode(), _FORM, most=self._most)
        except HttpError as error:
            if error.timed_out:
                raise SlowError(f"no response within {self._target.timeout:g} s") from None
            raise UnreachableError(f"{self.shown} cannot be reached: {error.reason}") from None
        except ConfigurationError:
            raise ServerError(f"{self.shown} redirects to an invalid URL") from None
        if not 200 <= response.status < 300:
            raise self._refusal(response)
        if len(response.body) > self._most:
            raise TooLargeError(f"the response is larger than {self._most >> 20} MiB")
        try:
            document = json.loads(response.body)
            document["data"]
        except (ValueError, KeyError, TypeError):
            raise self.unexpected() from None
        return document

    def unexpected(self) -> ServerError:
        """Return the error for a response that is not one of Prometheus."""
        return ServerError(
            f"{self.shown} does not respond as Prometheus does: check the path of the URL"
        )

    def _refusal(self, response: HttpResponse) -> Exception:
        responded = f"{self.shown} responded with {response.status}"
        if response.status in _ACCESS:
            return ServerError(f"{responded}: put a user and a password into {self._access_hint}")
        try:
            return RefusedError(str(json.loads(response.body)["error"]))
        except (ValueError, KeyError, TypeError):
            return ServerError(f"{responded}, unlike Prometheus: check the path of the URL")
