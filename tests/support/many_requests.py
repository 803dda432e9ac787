"""Many requests over a few connections, and the number of responses of each kind.

`hey` makes them where it is installed, and is a program that we have not written.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

_CONNECTIONS: Final = 8

_REQUESTS_OF_A_CONNECTION: Final = 500
"""Some servers close a connection after 1,000."""


def many_requests(port: int, requests: Sequence[tuple[str, str]], total: int) -> Counter[str]:
    """Make requests one after the other on each connection, and return the responses.

    Args:
        port: the port of the server.
        requests: methods and paths, used in turn.
        total: the number of requests.

    Returns:
        How many answers there were of each method, path and status.
    """
    turns = iter([requests[number % len(requests)] for number in range(total)])

    async def everything() -> list[Counter[str]]:
        return await asyncio.gather(*(_converse(port, turns) for _ in range(_CONNECTIONS)))

    return sum(asyncio.run(everything()), Counter())


def asked_by_hey(port: int, path: str, total: int) -> Counter[str] | None:
    """Make requests with the load generator `hey`; return the number of responses by status.

    Args:
        port: the port of the server.
        path: the path to request.
        total: the number of requests; a multiple of the number of connections.

    Returns:
        The answers by status, or None where there is no `hey`.
    """
    hey = shutil.which("hey")
    if hey is None:
        return None
    command = [hey, "-n", str(total), "-c", str(_CONNECTIONS), f"http://127.0.0.1:{port}{path}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1200).stdout
    assert "Error distribution" not in said, said
    return Counter({status: int(n) for status, n in re.findall(r"\[(\d+)\]\t(\d+) resp", said)})


async def _converse(port: int, turns: Iterator[tuple[str, str]]) -> Counter[str]:
    answers: Counter[str] = Counter()
    while requests := list(islice(turns, _REQUESTS_OF_A_CONNECTION)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for method, path in requests:
                answers[await _answer(reader, writer, method, path)] += 1
        finally:
            writer.close()
            await writer.wait_closed()
    return answers


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str
) -> str:
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = head.partition("content-length:")[2].partition("\r\n")[0]
    if method != "HEAD":
        await reader.readexactly(int(length))
    return f"{method} {path} {head.split()[1]}"
