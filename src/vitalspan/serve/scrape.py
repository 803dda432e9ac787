"""Scrapes: their options, and the metrics as their response."""

from __future__ import annotations

import gzip
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs

from vitalspan.exposition.generate import generate_latest
from vitalspan.exposition.negotiation import Choice, accepts_gzip, negotiate
from vitalspan.serve.messages import Request, Response, make_response

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

# Text full of repeated names shrinks to a tenth at any level; higher levels only cost CPU time.
_GZIP_LEVEL: Final = 3


class ScrapeOptions(NamedTuple):
    """The options that the response to a scrape depends on, besides the registry.

    Attributes:
        choice: the format, and how names are escaped in it.
        names: the requested samples; None for all.
        compressed: whether the client accepts gzip.
    """

    choice: Choice
    names: frozenset[str] | None
    compressed: bool


def scrape_options(request: Request) -> ScrapeOptions:
    """Read the options of a scrape from its headers and query."""
    names = parse_qs(request.query, errors="replace").get("name[]")
    return ScrapeOptions(
        negotiate(request.headers.get("accept")),
        frozenset(names) if names else None,
        accepts_gzip(request.headers.get("accept-encoding")),
    )


def scrape(registry: Collector, options: ScrapeOptions) -> Response:
    """Return the metrics of a registry as a response."""
    choice = options.choice
    body = generate_latest(
        registry, format=choice.format, escaping=choice.escaping, names=options.names
    )
    headers = [("Vary", "Accept, Accept-Encoding")]
    if options.compressed:
        body = gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    return make_response(HTTPStatus.OK, body, choice.content_type, *headers)
