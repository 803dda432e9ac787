"""The responses of the JSON API."""

from __future__ import annotations

import hashlib
import time
import weakref
from collections import OrderedDict
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from vitalspan.living_monitors import monitors_of
from vitalspan.page.endpoints import ENDPOINTS, JSON, Endpoint
from vitalspan.page.json_document import dump
from vitalspan.page.parameters import BadRequestError, parse_query
from vitalspan.page.problem import NotFoundError, Problem
from vitalspan.runtime import fork
from vitalspan.runtime.pace import giving_way
from vitalspan.words import suggestion

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

FRESH_SECONDS: Final = 1.0
"""The minimum number of seconds for which an identical request gets the same response."""

COST_FACTOR: Final = 10.0
"""Repeated responses are reused for this many times as long as it takes to make them, so that
together they use at most a tenth of a CPU."""

_MOST_ANSWERS: Final = 64

PRIVATE: Final = (
    "set show_stacks=True to show stacks and profiles to whoever sees the page; otherwise only a "
    "server of vitalspan's own shows them, to its own machine or to clients with a password or a "
    "certificate"
)


class Answer(NamedTuple):
    """The response to a request.

    Attributes:
        status: the HTTP status code.
        body: the body.
        content_type: the content type of the body.
        etag: a tag that changes with the body; empty if there is none.
    """

    status: int
    body: bytes
    content_type: str = JSON
    etag: str = ""


class _Kept(NamedTuple):
    """A response, when it was made, and until when it is reused."""

    made: float
    until: float
    answer: Answer


class _Recent:
    """The latest responses, each until it expires."""

    def __init__(self) -> None:
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Drop all responses."""
        self._lock = Lock()
        self._answers: OrderedDict[tuple[Any, ...], _Kept] = OrderedDict()

    def get(self, key: tuple[Any, ...], now: float) -> Answer | None:
        """Return a fresh response, or None."""
        with self._lock:
            found = self._answers.get(key)
        return found.answer if found and now < found.until else None

    def put(self, key: tuple[Any, ...], now: float, cost: float, answer: Answer) -> None:
        """Store a response for a while.

        Args:
            key: identifies the service and the request.
            now: the current time in seconds on the steady clock.
            cost: the seconds of CPU time that it took to make.
            answer: the response.
        """
        with self._lock:
            self._answers.pop(key, None)
            # A response that has been expired for as long as it was fresh is no longer requested.
            asked = sum(
                now < 2 * one.until - one.made and other[0] == key[0]
                for other, one in self._answers.items()
            )
            fresh = max(FRESH_SECONDS, COST_FACTOR * cost * (1 + asked))
            self._answers[key] = _Kept(now, now + fresh, answer)
            while len(self._answers) > _MOST_ANSWERS:
                self._answers.popitem(last=False)


_recent: Final = _Recent()


def answer(name: str, query: str, registry: object, *, trusted: bool = False) -> Answer:
    """Return the response to a request.

    Args:
        name: the part of its path after `/api/v1/`.
        query: its query string, still encoded.
        registry: the registry of the monitor.
        trusted: whether the client is authenticated or local; others do not get stacks, unless the
            settings allow that.
    """
    endpoint = ENDPOINTS.get(name)
    if endpoint is None:
        hint = suggestion(name[:80], sorted(ENDPOINTS))
        return problem(HTTPStatus.NOT_FOUND, f"nothing here: {hint}")
    try:
        asked = parse_query(query, endpoint.parameters)
    except BadRequestError as refused:
        return problem(HTTPStatus.BAD_REQUEST, str(refused))
    monitor = monitor_of(registry)
    if monitor is None:
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "there is no monitor in this registry yet: it comes with the first operation",
        )
    if endpoint.private and not (trusted or monitor.settings.show_stacks):
        return problem(HTTPStatus.FORBIDDEN, PRIVATE)
    try:
        return _document(monitor, endpoint, asked)
    except NotFoundError as missing:
        return problem(HTTPStatus.NOT_FOUND, str(missing))


def _document(monitor: Monitor, endpoint: Endpoint, asked: dict[str, Any]) -> Answer:
    """Return the document of an endpoint, which may be a recent one."""
    # An `id` may be that of an earlier monitor, whose responses would be given for this one's.
    key, now = (weakref.ref(monitor), endpoint.name, *asked.items()), monitor.clock.now()
    known = _recent.get(key, now)
    if known is not None:
        return known
    used = time.thread_time()
    with giving_way():
        document = endpoint.answer(monitor, asked)
        body = document if isinstance(document, bytes) else dump(document)
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    made = Answer(HTTPStatus.OK, body, endpoint.content_type, etag)
    ended = monitor.clock.now()
    # Waiting on a busy machine costs nothing, and reading a store costs a little.
    cost = max(time.thread_time() - used, (ended - now) / COST_FACTOR)
    _recent.put(key, ended, cost, made)
    return made


def problem(status: HTTPStatus, text: str) -> Answer:
    """Return the response to a request that cannot be fulfilled."""
    return Answer(status, dump(Problem(text)))


def monitor_of(registry: object) -> Monitor | None:
    """Return the monitor whose metrics are in a registry; of several, the one that ticks."""
    monitors = monitors_of(registry)
    monitors.sort(key=lambda one: one.evaluation_if_made is None)
    return cast("Monitor", monitors[0]) if monitors else None
