"""A shop in Django, with the views that tests of the integration ask for.

Django has one configuration in a process, which is set where this module is imported.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path

import vitalspan as vs
from vitalspan.integrations.django import metrics

PAGE = Path(__file__)
"""The file that `/page` sends."""


def order(request: Any, order_id: int) -> HttpResponse:
    return HttpResponse(str(order_id))


async def order_async(request: Any, order_id: int) -> HttpResponse:
    return HttpResponse(str(order_id))


def broken(request: Any) -> HttpResponse:
    raise ValueError("broken")


def unavailable(request: Any) -> HttpResponse:
    return HttpResponse("later", status=503)


def noted(request: Any, order: str) -> HttpResponse:
    vs.current_call().set_attribute("order", order)
    return HttpResponse(order)


async def noted_async(request: Any, order: str) -> HttpResponse:
    return noted(request, order)


def page(request: Any) -> FileResponse:
    # The response closes it.
    return FileResponse(PAGE.open("rb"))


def parts(torn: bool) -> Iterator[bytes]:
    yield b"a"
    if torn:
        raise ValueError("torn")


async def parts_async(torn: bool) -> AsyncIterator[bytes]:
    for part in parts(torn):
        yield part


async def endless_async() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000
        await asyncio.sleep(0.001)


def is_asgi(request: Any) -> bool:
    return hasattr(request, "scope")


def stream(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse((parts_async if is_asgi(request) else parts)(torn=False))


def torn(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse((parts_async if is_asgi(request) else parts)(torn=True))


def endless(request: Any) -> StreamingHttpResponse:
    if is_asgi(request):
        return StreamingHttpResponse(endless_async())
    return StreamingHttpResponse(iter(lambda: b"x" * 100_000, None))


urlpatterns = [
    path("orders/<int:order_id>/", order),
    path("api/v1/", include([path("orders/<int:order_id>", order_async)])),
    path("broken", broken),
    path("noted/<order>", noted),
    path("noted-async/<order>", noted_async),
    path("page", page),
    path("unavailable", unavailable),
    path("stream", stream),
    path("torn", torn),
    path("endless", endless),
    re_path(r"^metrics(/.*)?$", metrics),
]

settings.configure(
    ALLOWED_HOSTS=["*"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["vitalspan.integrations.django.Middleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests",
)
django.setup()
