"""The HTTP/1.1 parser, whatever bytes come in whatever chunks."""

from __future__ import annotations

from http import HTTPStatus
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.raw_clients import GET
from vitalspan.serve.http1 import (
    MAX_HEADER_BYTES,
    MAX_REQUEST_LINE,
    Http1Parser,
    RequestError,
    response_head,
)
from vitalspan.serve.messages import Request, text_response

TOKENS = st.text("abcXYZ09!#$%&'*+-.^_`|~", min_size=1, max_size=20)
VALUES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40
).filter(lambda value: not any(character.isspace() for character in value))
HEADERS = st.lists(
    st.tuples(TOKENS, VALUES).filter(
        lambda header: (
            header[0].lower()
            not in {"host", "content-length", "transfer-encoding", "connection", "upgrade"}
        )
    ),
    max_size=20,
)
CHUNKS = st.lists(st.integers(1, 60), max_size=60)


def chunks_of(data: bytes, sizes: list[int]) -> list[bytes]:
    """The data in chunks of these sizes, and the rest as one."""
    ends = [0]
    for size in sizes:
        ends.append(min(ends[-1] + size, len(data)))
    return [data[start:end] for start, end in pairwise([*ends, len(data)]) if end > start]


def feed(parser: Http1Parser, chunks: list[bytes]) -> Request | None:
    for chunk in chunks:
        request = parser.feed(chunk)
        if request is not None:
            return request
    return None


@given(method=TOKENS, path=TOKENS, headers=HEADERS, sizes=CHUNKS, bare=st.booleans())
def test_requests_are_parsed_in_whatever_chunks_they_come(
    method: str, path: str, headers: list[tuple[str, str]], sizes: list[int], bare: bool
) -> None:
    lines = [f"{method} /{path.replace('%', '%25')}?a=b HTTP/1.1", "Host: a"]
    lines += [f"{name}:  {value} " for name, value in headers]
    data = "\r\n".join([*lines, "", ""]).encode("latin-1")
    data = data.replace(b"\r", b"") if bare else data
    parser = Http1Parser()
    chunks = chunks_of(data, sizes)
    assert feed(parser, chunks[:-1]) is None
    request = parser.feed(chunks[-1])
    assert request is not None
    assert (request.method, request.path, request.query) == (method, f"/{path}", "a=b")
    expected: dict[str, list[str]] = {"host": ["a"]}
    for name, value in headers:
        expected.setdefault(name.lower(), []).append(value)
    assert request.headers == {name: ", ".join(values) for name, values in expected.items()}
    assert parser.keep_alive
    assert parser.unread() == b""


PIECES = st.sampled_from(
    [
        *(
            b"GET ",
            b"/metrics",
            b" HTTP/1.1",
            b" HTTP/1.0",
            b"\r\n",
            b"\n",
            b"\r",
            b"Host: a",
            b": ",
        ),
        *(b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Connection: close", b"\x00", b" "),
        *(b"http://[::1", b"Expect: 100-continue", b"Upgrade: h2c", b"CONNECT", b"x" * 3000, GET),
    ]
)
JUNK = st.lists(st.one_of(PIECES, st.binary(max_size=30)), max_size=30).map(b"".join)


@given(data=JUNK, sizes=CHUNKS)
@example(data=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", sizes=[1])
@example(
    data=GET.replace(b"\r\n\r\n", b"\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"), sizes=[]
)
def test_junk_is_a_request_or_an_error(data: bytes, sizes: list[int]) -> None:
    parser, chunks, fed = Http1Parser(), chunks_of(data, sizes), 0
    outcome: Request | RequestError | None = None
    while chunks and outcome is None:
        fed += len(chunks[0])
        try:
            outcome = parser.feed(chunks.pop(0))
        except RequestError as error:
            outcome = error
        assert outcome or fed <= MAX_REQUEST_LINE + MAX_HEADER_BYTES + 8
    if isinstance(outcome, RequestError):
        assert outcome.status in {400, 414, 431, 501, 505}
        assert outcome.reason.isascii()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"G" * (MAX_REQUEST_LINE + 1), None),
        (b"G" * (MAX_REQUEST_LINE + 2), HTTPStatus.REQUEST_URI_TOO_LONG),
        (GET[:-2] + b"A: " + b"x" * MAX_HEADER_BYTES, None),
        (
            GET[:-2] + b"A: " + b"x" * (MAX_REQUEST_LINE + MAX_HEADER_BYTES),
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        ),
        (
            GET[:-2] + b"A: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n",
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        ),
    ],
)
def test_limits_hold_before_a_request_is_whole(data: bytes, status: HTTPStatus | None) -> None:
    parser = Http1Parser()
    if status is None:
        assert parser.feed(data) is None
        return
    with pytest.raises(RequestError) as raised:
        parser.feed(data)
    assert raised.value.status == status


def test_what_follows_a_request_is_kept_for_the_next() -> None:
    parser = Http1Parser()
    assert parser.feed(GET + b"\r\n" + GET[:7]) is not None
    following = Http1Parser()
    assert following.feed(parser.unread()) is None
    assert following.started
    assert following.feed(GET[7:]) is not None


@pytest.mark.parametrize("empty_line", [[b"\r\n"], [b"\n"], [b"\r", b"\n"]])
def test_one_empty_line_before_a_request_is_no_part_of_it(empty_line: list[bytes]) -> None:
    parser = Http1Parser()
    for part in empty_line:
        assert parser.feed(part) is None
        assert not parser.started
    assert parser.feed(GET[:1]) is None
    assert parser.started
    assert parser.feed(GET[1:]) is not None


def test_the_head_of_a_response() -> None:
    head = response_head(text_response(404, "nothing"), keep_alive=False).decode()
    status, date, *headers = head.split("\r\n")
    assert status == "HTTP/1.1 404 Not Found"
    assert date.startswith("Date: ")
    assert date.endswith(" GMT")
    assert headers == [
        "Content-Type: text/plain; charset=utf-8",
        "Content-Length: 8",
        "Connection: close",
        "",
        "",
    ]
