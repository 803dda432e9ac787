"""OTLP requests of limited size, made of a batch of metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vitalspan.bridge.otlp.encode import (
    encode_metric,
    encode_points,
    encode_request,
    encode_scope,
    size_of_head,
)
from vitalspan.bridge.otlp.model import Batch, Description, Scope


class Request(NamedTuple):
    """The body of a request, and its number of data points."""

    body: bytes
    points: int


class _Part(NamedTuple):
    """Encoded points of one metric."""

    scope: Scope
    description: Description
    points: list[bytes]


def requests_of(batch: Batch, resource: Mapping[str, str | int], limit: int) -> Iterator[Request]:
    """Yield the requests for a batch.

    Args:
        batch: the metrics.
        resource: the attributes of the resource.
        limit: the maximum size of a request in bytes, unless a single data point is larger.
    """
    room = limit - len(encode_request(resource, ())) - 16
    size, parts = 0, list[_Part]()
    for scope, metrics in batch.items():
        scope_size = len(encode_scope(scope, ())) + 16
        for description, points in metrics:
            head = size_of_head(description) + scope_size
            part = None
            for point in encode_points(description.kind, points):
                if parts and size + len(point) + (0 if part else head) > room:
                    yield _request(resource, parts)
                    size, parts, part = 0, [], None
                if part is None:
                    part = _Part(scope, description, [])
                    parts.append(part)
                    size += head
                part.points.append(point)
                size += len(point)
    if parts:
        yield _request(resource, parts)


def _request(resource: Mapping[str, str | int], parts: list[_Part]) -> Request:
    by_scope: dict[Scope, list[bytes]] = {}
    for part in parts:
        metric = encode_metric(part.description, part.points)
        by_scope.setdefault(part.scope, []).append(metric)
    scopes = (encode_scope(scope, metrics) for scope, metrics in by_scope.items())
    return Request(encode_request(resource, scopes), sum(len(part.points) for part in parts))
