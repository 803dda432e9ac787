"""What Django alone has: the current call in its views, and files that a WSGI server sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest
from django.core.wsgi import get_wsgi_application
from django.test import override_settings

import vitalspan as vs
from support.django_application import PAGE
from support.http_frameworks import RunningShop


@pytest.mark.parametrize("framework", ["django by asgi", "django by wsgi"])
@pytest.mark.parametrize("view", ["noted", "noted-async"])
def test_the_current_call_is_the_request(
    running: Callable[[str], RunningShop], framework: str, view: str
) -> None:
    call = running(framework).call_of("GET", f"/{view}/7", 200)
    assert call.attributes == {"order": "7"}


@pytest.mark.parametrize("wrapper", [FileWrapper, None])
def test_a_file_that_the_server_sends(
    monitor: vs.Monitor, wrapper: type[FileWrapper] | None
) -> None:
    environ: dict[str, Any] = {"PATH_INFO": "/page"}
    setup_testing_defaults(environ)
    if wrapper is not None:
        environ["wsgi.file_wrapper"] = wrapper
    with override_settings(VITALSPAN={"monitor": monitor}):
        response: Any = get_wsgi_application()(environ, lambda *_: None)
    assert isinstance(response, FileWrapper) is (wrapper is not None)
    assert b"".join(response) == PAGE.read_bytes()
    assert monitor.recent_calls() == []
    response.close()
    [call] = monitor.recent_calls()
    assert (call.operation, call.outcome) == ("GET /page", "ok")
