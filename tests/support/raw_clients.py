"""Clients that write requests byte by byte, and read everything that the server sends."""

from __future__ import annotations

import contextlib
import http.client
import socket

from vitalspan.serve.server import MetricsServer

PATIENCE = 120.0
"""The timeout of a client in seconds: never reached, however busy the machine is."""

GET = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
GET_AND_CLOSE = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def connect(server: MetricsServer) -> socket.socket:
    return socket.create_connection((server.address, server.port), PATIENCE)


def read_all(client: socket.socket) -> bytes:
    """The bytes that the server sends until it closes or resets the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            received += part
    return received


def talk(server: MetricsServer, request: bytes) -> bytes:
    with connect(server) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(request)
        return read_all(client)


def read_one(client: socket.socket) -> bytes:
    """The body of one response on a connection that stays open."""
    response = http.client.HTTPResponse(client)
    response.begin()
    return response.read()


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer
    return int(answer.split(b" ", 2)[1])


def ask(
    server: MetricsServer, method: str = "GET", path: str = "/metrics", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(server.address, server.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=names)
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
