"""The proxies in HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""

from __future__ import annotations

from copy import copy
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from vitalspan.errors import ConfigurationError
from vitalspan.http_client.connection import HttpError
from vitalspan.http_client.target import HttpTarget, Proxy


def through_environment_proxy(target: HttpTarget) -> HttpTarget:
    """Return a target whose requests use the proxy in HTTP_PROXY and similar variables.

    Raises:
        HttpError: if the variable has no valid proxy; the message has no secrets.
    """
    address = getproxies().get(target.scheme)
    # The entries of NO_PROXY are hosts, with or without a port.
    hosts = (target.host, f"{target.host_in_ascii}:{target.port}")
    if not address or any(map(proxy_bypass, hosts)):
        return target
    proxied = copy(target)
    proxied.proxy = _proxy(f"{target.scheme.upper()}_PROXY", address)
    return proxied


def _proxy(variable: str, address: str) -> Proxy:
    """Return the proxy at an address; as with urllib, `https://` does not mean TLS to the proxy."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        if parts.scheme in {"", "http", "https"}:
            return Proxy(variable, f"http://{parts.netloc}")
    except (ValueError, ConfigurationError):
        pass
    raise HttpError(
        OSError(f"{variable} is not a valid URL of a proxy: use one such as http://host:3128")
    )
