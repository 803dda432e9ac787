"""Posting: where to, as whom, what counts as taken, and what is never shown."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Authority
from support.waiting import wait_until
from support.webhook_sink import WebhookSink, run_hanging, run_sink
from vitalspan.errors import ConfigurationError
from vitalspan.http_client.target import HttpTarget, shown
from vitalspan.notify import Alertmanager, Webhook
from vitalspan.notify.json_client import JsonClient
from vitalspan.notify.receiver import UndeliveredError

NOW = 1_700_000_000.0
PATIENCE = 120.0


def poster(url: str, *, explain: bool = False, **options: Any) -> JsonClient:
    return JsonClient(
        HttpTarget("Webhook", url, **{"timeout": PATIENCE, **options}), explain=explain
    )


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    with run_sink() as sink:
        yield sink


def refusal(posting: JsonClient) -> UndeliveredError:
    with pytest.raises(UndeliveredError) as caught:
        posting.post({}, NOW)
    return caught.value


# --- what is sent


def test_a_document_arrives(sink: WebhookSink) -> None:
    document = {"text": 'é😀\ud800"\n', "list": [1, 2.5, None, True]}
    poster(f"{sink.url}/a%20b/ü?x=1&y=ö#fragment", headers={"X-Team": "shop"}).post(document, NOW)
    (posted,) = sink.posted
    assert posted.document == document
    assert posted.path == "/a%20b/%C3%BC?x=1&y=%C3%B6"
    assert posted.headers["Content-Type"] == "application/json"
    assert posted.headers["User-Agent"].startswith("vitalspan/")
    assert posted.headers["X-Team"] == "shop"
    assert "Authorization" not in posted.headers


def with_user(sink: WebhookSink, user: str) -> str:
    return sink.url.replace("//", f"//{user}@")


@pytest.mark.parametrize("in_url", [True, False])
def test_a_user_and_a_password(sink: WebhookSink, in_url: bool) -> None:
    if in_url:
        posting = poster(with_user(sink, "me:p%40ss%3Aword"))
    else:
        posting = poster(with_user(sink, "other:word"), basic_auth=("me", "p@ss:word"))
    posting.post({}, NOW)
    kind, _, encoded = sink.posted[0].headers["Authorization"].partition(" ")
    assert (kind, base64.b64decode(encoded)) == ("Basic", b"me:p@ss:word")
    assert sink.posted[0].headers["Host"] == sink.url.removeprefix("http://")


def test_headers_replace_the_usual_ones(sink: WebhookSink) -> None:
    headers = {"authorization": "Bearer t0ken", "USER-AGENT": "me"}
    poster(with_user(sink, "a:b"), headers=headers).post({}, NOW)
    assert sink.posted[0].headers["Authorization"] == "Bearer t0ken"
    assert sink.posted[0].headers["User-Agent"] == "me"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://a", "/api/v2/alerts"),
        ("http://a/", "/api/v2/alerts"),
        ("http://a/am/", "/am/api/v2/alerts"),
        ("http://a/am?x=1", "/am/api/v2/alerts?x=1"),
        ("http://a/api/v2/alerts", "/api/v2/alerts"),
        ("http://a/api/v2/alerts/", "/api/v2/alerts"),
    ],
)
def test_the_path_of_the_api_is_added(url: str, path: str) -> None:
    assert HttpTarget("Alertmanager", url, path="/api/v2/alerts").selector == path


# --- proxies


def test_a_request_goes_through_a_proxy() -> None:
    with run_sink() as proxy:
        address = proxy.url.replace("http://", "http://user:p%20w@")
        poster("http://target.example:8080/hook?x=1", proxy=address).post({"a": 1}, NOW)
        (posted,) = proxy.posted
    assert posted.path == "http://target.example:8080/hook?x=1"
    assert posted.document == {"a": 1}
    assert posted.headers["Host"] == "target.example:8080"
    assert posted.headers["Proxy-Authorization"] == "Basic dXNlcjpwIHc="


def test_a_request_by_tls_is_tunnelled_through_a_proxy() -> None:
    asked = []

    def refuse(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while not b"".join(asked).endswith(b"\r\n\r\n"):
                asked.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 407 Who are you\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UndeliveredError, match="407"):
            poster("https://target.example/hook", proxy=proxy).post({}, NOW)
        thread.join()
    assert b"".join(asked).startswith(b"CONNECT target.example:443 HTTP/1.")


@pytest.mark.parametrize(
    "proxy", ["https://a:1", "socks5://a:1", "http://a:1/path", "http://", "http://a:1?x=secret"]
)
def test_a_proxy_that_cannot_be(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="Webhook: proxy") as raised:
        HttpTarget("Webhook", "http://a", proxy=proxy)
    assert "secret" not in str(raised.value)


# --- what comes back


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_taken(sink: WebhookSink, status: int) -> None:
    sink.status = status
    poster(sink.url).post({}, NOW)


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (400, False),
        (401, False),
        (404, False),
        (408, False),
        (429, True),
        (500, True),
        (502, True),
        (503, True),
        (301, False),
        (302, False),
        (303, False),
        (304, False),
    ],
)
def test_not_taken(sink: WebhookSink, status: int, again: bool) -> None:
    sink.status = status
    error = refusal(poster(sink.url))
    assert (str(error), error.again, error.wait) == (f"answered {status}", again, 0.0)
    assert len(sink.posted) == 1


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("soon", 0.0),
        ("-3", 0.0),
        ("9" * 400, float("inf")),
        ("Tue, 14 Nov 99999 22:13:50 GMT", 0.0),
    ],
)
def test_retry_after(sink: WebhookSink, text: str, wait: float) -> None:
    sink.answers.append((429, {"Retry-After": text}))
    assert refusal(poster(sink.url)).wait == wait


def test_only_a_trusted_answer_is_shown(sink: WebhookSink) -> None:
    sink.status = 400
    assert "secret" not in str(refusal(poster(sink.url)))
    assert "secret" in str(refusal(poster(sink.url, explain=True)))


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirection_to_the_same_server_is_followed(sink: WebhookSink, status: int) -> None:
    sink.answers.append((status, {"Location": "/other?x=1"}))
    sink.answers.append((status, {"Location": f"{sink.url}/third"}))
    poster(f"{sink.url}/first").post({"a": 1}, NOW)
    assert [one.path for one in sink.posted] == ["/first", "/other?x=1", "/third"]
    assert sink.documents() == [{"a": 1}] * 3


@pytest.mark.parametrize(
    "location",
    [
        "http://other.example/secret",
        "https://127.0.0.1/",
        "http://127.0.0.1:1/",
        "//other.example/",
        "http://[bad/",
        "http://127.0.0.1:99999/",
        "ftp://127.0.0.1/",
    ],
)
def test_a_redirection_elsewhere_is_not_followed(sink: WebhookSink, location: str) -> None:
    sink.answers.append((307, {"Location": location}))
    error = refusal(poster(sink.url, basic_auth=("me", "password")))
    assert not error.again
    assert "a redirection to" in str(error)
    assert "secret" not in str(error)


def test_redirections_in_a_circle_end(sink: WebhookSink) -> None:
    sink.answers.extend([(307, {"Location": "/again"})] * 10)
    assert str(refusal(poster(sink.url))) == "answered 307"
    assert len(sink.posted) == 4


# --- servers that fail


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refusal(poster(f"http://127.0.0.1:{port}/secret?token=secret"))
    assert error.again
    assert "ConnectionRefusedError" in str(error)
    assert "secret" not in str(error)


def test_nobody_answers() -> None:
    with run_hanging() as url:
        error = refusal(poster(url, timeout=0.05))
    assert error.again
    assert "timed out" in str(error)


def serve_raw(listener: socket.socket, answer: bytes) -> threading.Thread:
    """Give one client an answer and close."""

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            client.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    "answer",
    [b"", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 200\xff\r\n" + b"x" * 70000, b"\x00" * 100],
)
def test_what_answers_is_no_http_server(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = serve_raw(listener, answer)
        error = refusal(poster(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert error.again
    assert "\n" not in str(error)


def test_an_answer_that_breaks_off_counts_by_its_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
        thread = serve_raw(listener, answer)
        poster(f"http://127.0.0.1:{listener.getsockname()[1]}").post({}, NOW)
        thread.join()


def test_a_host_that_cannot_be_is_a_failure() -> None:
    assert refusal(poster(f"http://{'a' * 70}.example")).again


def test_giving_up_from_another_thread() -> None:
    with run_hanging() as url:
        posting = poster(url)
        errors = []
        thread = threading.Thread(target=lambda: errors.append(refusal(posting)))
        thread.start()
        wait_until(lambda: getattr(posting._client._connection, "_sock", None) is not None)
        wait_until(lambda: posting.abort() or not thread.is_alive())
        thread.join()
    assert errors[0].again
    posting.abort()


# --- TLS


def test_tls_is_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server", "127.0.0.1")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    with run_sink(server) as sink:
        error = refusal(poster(sink.url))
        assert "the certificate is not trusted" in str(error)
        trusting = ssl.create_default_context(cafile=str(authority.file))
        # Since Python 3.13 certificates of tests are too simple for the default.
        trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
        poster(sink.url, tls=trusting).post({"a": 1}, NOW)
        assert sink.documents() == [{"a": 1}]
        stranger = sink.url.replace("127.0.0.1", "localhost")
        assert "Hostname mismatch" in str(refusal(poster(stranger, tls=trusting)))


# --- what cannot be


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret",
        "hooks.example/secret",
        "ftp://a/secret",
        "http://",
        "http:///secret",
        "http://a:b/secret",
        "http://a:0/secret",
        "http://a:70000/secret",
        "http://[a/secret",
        "http://a/secret secret",
        "http://a/secret\nX: y",
        "http://a/secret\ud800",
        b"http://a/secret",
        None,
    ],
)
def test_urls_that_cannot_be(url: Any) -> None:
    for make in (Webhook, Alertmanager):
        with pytest.raises(ConfigurationError, match=f"{make.__name__}: the URL") as caught:
            make(url)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout=0: give seconds above 0"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"timeout": True}, "timeout=True"),
        ({"timeout": "10s"}, "timeout='10s'"),
        ({"headers": {"a b": "c"}}, "'a b' cannot be a header's name"),
        ({"headers": {1: "c"}}, "1 cannot be a header's name"),
        ({"headers": {"A": "secret\r\nB: c"}}, "the value of A must be"),
        ({"headers": {"A": "secret→"}}, "the value of A must be"),
        ({"headers": {"A": None}}, "the value of A must be"),
        ({"basic_auth": ("a:b", "secret")}, "basic_auth: give a user"),
        ({"basic_auth": ("secret",)}, "basic_auth: give a user"),
        ({"basic_auth": 7}, "basic_auth: give a user"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    for make in (Webhook, Alertmanager):
        with pytest.raises(ConfigurationError, match=message) as caught:
            make("http://a", **options)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Alertmanager, "give at least one URL"),
        (lambda: Alertmanager("http://a", resend=0), "resend=0"),
        (lambda: Webhook("http://a", reminder=-1), "reminder=-1"),
        (lambda: Webhook("http://a", max_alerts=-1), "max_alerts=-1"),
        (lambda: Webhook("http://a", max_alerts=True), "max_alerts=True"),
    ],
)
def test_receivers_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (
            "https://me:secret@hooks.example/services/secret?token=secret",
            "https://hooks.example/...",
        ),
        ("http://alertmanager:9093", "http://alertmanager:9093"),
        ("http://alertmanager:9093/", "http://alertmanager:9093"),
        ("http://[::1]:9093/x", "http://[::1]:9093/..."),
        ("/secret", "..."),
        ("http://a:secret/", "..."),
    ],
)
def test_what_is_shown_of_a_url(url: str, seen: str) -> None:
    assert shown(url) == seen


def test_receivers_show_no_secrets() -> None:
    url = "https://me:secret@hooks.example/secret"
    assert repr(Webhook(url)) == "Webhook('https://hooks.example/...')"
    shown_urls = "Alertmanager('https://hooks.example/...', 'http://b')"
    assert repr(Alertmanager(url, "http://b")) == shown_urls
