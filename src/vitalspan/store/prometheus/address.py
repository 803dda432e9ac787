"""The address of a Prometheus that has the history: a URL with matchers for the series."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from vitalspan.errors import ConfigurationError
from vitalspan.http_client.target import HttpTarget
from vitalspan.promql.matchers import Matcher
from vitalspan.units import parse_duration

SCHEMES: Final = ("prometheus+http", "prometheus+https")
"""The schemes of the URL of such a history."""

TOKEN: Final = "VITALSPAN_HISTORY_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable for a bearer token."""

_EXAMPLE: Final = "'prometheus+http://prometheus:9090?job=shop'"

_TENANT: Final = "org_id"
_SCRAPES: Final = "scrape_interval"
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class PrometheusAddress:
    """A server, and the series to read from it.

    Attributes:
        target: the target of requests, with their headers.
        matchers: labels that all series have, such as their job.
        scrape_interval: the seconds between two samples of a series.
    """

    target: HttpTarget
    matchers: tuple[Matcher, ...]
    scrape_interval: float


def is_prometheus(url: str) -> bool:
    """Return whether a URL is that of a Prometheus."""
    return url.partition("://")[0] in SCHEMES


def parse_address(url: str, environ: Mapping[str, str] = os.environ) -> PrometheusAddress:
    """Return the address for a URL.

    A user and a password in it become basic authentication, and `VITALSPAN_HISTORY_TOKEN` a bearer
    token. In its query, `org_id` is the tenant, sent as `X-Scope-OrgID`, `scrape_interval` is the
    scrape interval of the series, and everything else is a label that the series have.

    Args:
        url: the URL, such as `prometheus+https://user:password@host/prometheus?job=shop`.
        environ: the environment.

    Raises:
        ConfigurationError: for an invalid URL; the message has no secrets.
    """
    if not is_prometheus(url):
        scheme, separator, _ = url.partition("://")
        raise ConfigurationError(
            f"history={scheme + separator!r:.40}: use the URL of a Prometheus, such as {_EXAMPLE}; "
            "a database is given as store="
        )
    plain = url.removeprefix("prometheus+")
    try:
        query = urlsplit(plain).query
    except ValueError:
        query = ""
    labels = dict(parse_qsl(query, keep_blank_values=True))
    tenant = labels.pop(_TENANT, "")
    interval = _interval(labels.pop(_SCRAPES, "15s"))
    for name in labels:
        if not _LABEL.fullmatch(name):
            raise ConfigurationError(f"history: {name!r:.80} is not a label: use {_EXAMPLE}")
    token = environ.get(TOKEN, "").strip()
    headers = {"X-Scope-OrgID": tenant} if tenant else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    target = HttpTarget("history", plain.partition("?")[0], headers=headers, timeout=30.0)
    matchers = tuple(Matcher(name, "=", value) for name, value in sorted(labels.items()))
    return PrometheusAddress(target, matchers, interval)


def _interval(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 3600:
        raise ConfigurationError(f"history: {_SCRAPES}={text!r:.80}: use a duration such as '15s'")
    return seconds
