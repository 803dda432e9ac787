"""The HTTP clients of every library, and a server for them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import aiohttp
import httpx
import requests

Headers = dict[str, str]
Fetch = Callable[[str, str], int]


class AskedServer(ThreadingHTTPServer):
    """A server that responds with the status in the path, and keeps what it received."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, Headers]] = []

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_port}{path}"

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: AskedServer

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers))
        status = int(self.path.split("/")[1][:3])
        self.send_response(status)
        if status in (302, 303):
            self.send_header("Location", "/200/there")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PROPFIND = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def asked_server() -> Iterator[AskedServer]:
    """Serve until the end."""
    with AskedServer() as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _with_httpx(method: str, url: str) -> int:
    with httpx.Client(follow_redirects=True, trust_env=False) as client:
        return client.request(method, url).status_code


def _with_async_httpx(method: str, url: str) -> int:
    async def fetch() -> int:
        async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
            return (await client.request(method, url)).status_code

    return asyncio.run(fetch())


def _with_requests(method: str, url: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url).status_code


def _with_aiohttp(method: str, url: str) -> int:
    async def fetch() -> int:
        async with aiohttp.ClientSession() as session, session.request(method, url) as response:
            return response.status

    return asyncio.run(fetch())


CLIENTS: Final[dict[str, Fetch]] = {
    "httpx": _with_httpx,
    "async httpx": _with_async_httpx,
    "requests": _with_requests,
    "aiohttp": _with_aiohttp,
}

MODULES: Final = {
    "httpx": "httpx",
    "async httpx": "httpx",
    "requests": "requests",
    "aiohttp": "aiohttp_client",
}
"""The integration of each client."""

_PATCHED: Final[tuple[tuple[Any, str], ...]] = (
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (requests.adapters.HTTPAdapter, "send"),
    (aiohttp.ClientSession, "__init__"),
)


@contextmanager
def as_they_were() -> Iterator[None]:
    """Remove the instrumentation of clients at the end."""
    with contextlib.ExitStack() as stack:
        for owner, name in _PATCHED:
            stack.callback(setattr, owner, name, vars(owner)[name])
        yield
