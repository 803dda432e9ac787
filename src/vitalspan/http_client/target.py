"""The URL of a server, which is checked once and can be shown without secrets."""

from __future__ import annotations

import base64
import email.utils
import re
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from vitalspan._version import __version__
from vitalspan.argument_checks import seconds_above_0
from vitalspan.errors import ConfigurationError

_PORTS: Final = {"http": 80, "https": 443}
_OF_ONE_SERVER: Final = frozenset({"authorization", "host"})
_SAFE: Final = "/%:@!$&'()*+,;=~?-._[]"
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_HEADER: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_URL_START: Final = re.compile(r"https?:|[a-z][a-z0-9+.-]*://|/", re.IGNORECASE)
_NOT_IN_URL: Final = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")


class HttpTarget:
    """A URL for requests, and the headers to send.

    Args:
        what: the kind of the receiver, for messages.
        url: `http://` or `https://`; a user and a password in it become basic authentication.
        path: appended to the URL's path, unless that ends with it already.
        headers: sent with each request.
        basic_auth: a user and a password.
        timeout: the maximum number of seconds of each wait for the network.
        tls: your own context; the default trusts the system's certificate authorities.
        proxy: the `http://` URL of a proxy for the requests, with a user and a password if it needs
            them. Proxies from the environment are not used.

    Raises:
        ConfigurationError: for an invalid argument; the message has no secrets.
    """

    def __init__(
        self,
        what: str,
        url: str,
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        basic_auth: tuple[str, str] | None = None,
        timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        parts = _split(what, url)
        self._what = what
        self.scheme = parts.scheme
        self.host = parts.hostname or ""
        self.port = parts.port or _PORTS[parts.scheme]
        self.shown = shown(url)
        self.timeout = seconds_above_0(f"{what}: timeout", timeout)
        self._base = parts.path.rstrip("/")
        if path:
            self._base = self._base.removesuffix(path)
        self._query = parts.query
        self.selector = self.at(path) if path else _selector(parts.path or "/", parts.query)
        self.proxy = None if proxy is None else Proxy(what, proxy)
        self.tls = None
        if parts.scheme == "https":
            self.tls = tls or ssl.create_default_context()
        self.headers = {
            "User-Agent": f"vitalspan/{__version__}",
            "Content-Type": "application/json",
            "Connection": "close",
        }
        if basic_auth is None and parts.username is not None:
            basic_auth = unquote(parts.username), unquote(parts.password or "")
        if basic_auth is not None:
            self.headers["Authorization"] = _basic(what, basic_auth)
        self.headers |= _checked(what, headers or {})

    def at(self, path: str) -> str:
        """Return the selector of another path below the URL."""
        return _selector(self._base + path, self._query)

    def absolute(self, selector: str) -> str:
        """Return the full URL of a selector, as requests to proxies have it."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}{selector}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """The scheme, the host and the port, which identify a server."""
        return self.scheme, self.host, self.port

    @property
    def host_in_ascii(self) -> str:
        """The host as it is written in a header."""
        try:
            return _bracketed(self.host.encode("idna").decode("ascii"))
        except UnicodeError:
            # A connection will fail, with a better message than an error here.
            return _bracketed(self.host.encode("ascii", "replace").decode("ascii"))

    @property
    def authority(self) -> str:
        """The host, with the port unless it is the default of the scheme, in ASCII."""
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.host_in_ascii}{port}"

    def redirected(self, location: str, selector: str) -> HttpTarget:
        """Return the target of a redirect, without the password if it is another server.

        Args:
            location: the location in the response.
            selector: the selector of the request.

        Raises:
            ConfigurationError: for an invalid location.
        """
        try:
            url = urljoin(self.absolute(selector), location)
        except ValueError:
            url = ""
        target = HttpTarget(self._what, url, timeout=self.timeout, tls=self.tls)
        target.proxy, target.headers = self.proxy, dict(self.headers)
        if target.origin != self.origin:
            for name in [one for one in target.headers if one.lower() in _OF_ONE_SERVER]:
                del target.headers[name]
        return target


class Proxy:
    """A proxy for requests.

    Args:
        what: the kind of the receiver, for messages.
        url: `http://`, a host and a port; a user and a password in it are sent to the proxy.

    Raises:
        ConfigurationError: for an invalid URL; the message has no secrets.
    """

    def __init__(self, what: str, url: str) -> None:
        parts = _split(f"{what}: proxy", url)
        if parts.scheme != "http" or parts.path.strip("/") or parts.query:
            raise ConfigurationError(
                f"{what}: proxy {shown(url)}: use http:// with a host and a port, and no path"
            )
        self.host = parts.hostname or ""
        self.port = parts.port or _PORTS["http"]
        self.headers = {}
        if parts.username is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            self.headers["Proxy-Authorization"] = _basic(f"{what}: proxy", (user, password))


def with_scheme(address: str) -> str:
    """Return the URL of an address as people type it: `localhost:9464` means `http://`.

    Other schemes and half a scheme, such as `http:/`, stay as they are, so that they are refused.
    """
    return address if not address or _URL_START.match(address) else f"http://{address}"


def shown(url: str) -> str:
    """Return the part of a URL that may be shown: its destination, without possible secrets."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
        if not parts.hostname:
            return "..."
        more = "/..." if parts.path.strip("/") or parts.query else ""
    except ValueError:
        return "..."
    return f"{parts.scheme}://{_bracketed(parts.hostname)}{port}{more}"


def retry_after(text: str | None, now: float) -> float:
    """Return the seconds for which a server asks not to be contacted.

    Args:
        text: the value of its `Retry-After` header, seconds or a date; None without one.
        now: the time of day, in seconds since the Unix epoch.
    """
    if text is None:
        return 0.0
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


def _split(what: str, url: str) -> SplitResult:
    hint = "use one such as https://host:9093/path"
    if not isinstance(url, str):
        raise ConfigurationError(f"{what}: the URL is {type(url).__name__}, not a string: {hint}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{what}: the URL's host or port is not valid: {hint}") from None
    if parts.scheme not in _PORTS or not parts.hostname or _NOT_IN_URL.search(url) or port == 0:
        raise ConfigurationError(
            f"{what}: the URL needs http:// or https:// and a host, and no spaces: {hint}"
        )
    return parts


def _selector(path: str, query: str) -> str:
    return quote(f"{path}?{query}" if query else path, safe=_SAFE)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _basic(what: str, basic_auth: tuple[str, str]) -> str:
    try:
        user, password = basic_auth
        pair = f"{user}:{password}".encode()
    except (TypeError, ValueError):
        pair = b""
    if not pair or ":" in user:
        raise ConfigurationError(
            f"{what}: basic_auth: give a user, which has no colon, and a password"
        )
    return "Basic " + base64.b64encode(pair).decode("ascii")


def _checked(what: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers that can be sent, in the spelling of the defaults that they replace."""
    usual = {name.lower(): name for name in ("User-Agent", "Content-Type", "Authorization")}
    valid_headers = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"{what}: headers: {name!r:.80} cannot be a header's name")
        if not isinstance(value, str) or _NOT_IN_HEADER.search(value) or not _latin(value):
            raise ConfigurationError(
                f"{what}: headers: the value of {name} must be a string of one line, in Latin-1"
            )
        valid_headers[usual.get(name.lower(), name)] = value
    return valid_headers


def _latin(value: str) -> bool:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
