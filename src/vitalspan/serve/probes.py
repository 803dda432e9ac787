"""Probes for load balancers, Kubernetes and people: is the process alive, ready and healthy?

Responses are made of values that exist already. Nothing here takes a lock, runs a collector or
counts a call, so a scrape or a tick that hangs does not block any probe.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from vitalspan.health.result import Health
from vitalspan.living_monitors import LivingMonitor, monitors_of
from vitalspan.rules.scoring import NO_DATA
from vitalspan.serve.messages import Request, Response, make_response, text_response

LIVE_PATH: Final = "/-/live"
READY_PATH: Final = "/-/ready"
HEALTH_PATH: Final = "/health"

_NO_STORE: Final = ("Cache-Control", "no-store")
_UNKNOWN: Final = Health(None, NO_DATA, failing=False, model="", at=None)


def _live(_: Request, __: object) -> Response:
    return text_response(HTTPStatus.OK, "vitalspan is alive", _NO_STORE)


def _ready(_: Request, registry: object) -> Response:
    reasons = [monitor.not_ready for monitor in monitors_of(registry)]
    lines = [f"not ready: {reason}" for reason in reasons if reason is not None]
    if lines:
        return text_response(HTTPStatus.SERVICE_UNAVAILABLE, "\n".join(lines), _NO_STORE)
    return text_response(HTTPStatus.OK, "ready", _NO_STORE)


def _health(_: Request, registry: object) -> Response:
    assessments = [_latest_assessment(monitor) for monitor in monitors_of(registry)]
    health, age = min(assessments, key=_rank, default=(_UNKNOWN, None))
    status = HTTPStatus.SERVICE_UNAVAILABLE if health.failing else HTTPStatus.OK
    return make_response(status, _with_age(_body(health), age), "application/json", _NO_STORE)


_bodies: OrderedDict[int, tuple[Health, bytes]] = OrderedDict()
_MOST_BODIES: Final = 8


def _body(health: Health) -> bytes:
    """The JSON of an assessment, encoded once, because probes are more frequent than ticks."""
    entry = _bodies.get(id(health))
    # The assessment is stored with it, so that no other one can get the same `id`.
    if entry is None:
        entry = (health, _json({**vars(health), "graph": health.graph()}))
        _bodies[id(health)] = entry
        while len(_bodies) > _MOST_BODIES:
            _bodies.popitem(last=False)
    return entry[1]


def _with_age(body: bytes, age: float | None) -> bytes:
    return body.rstrip().removesuffix(b"}") + f', "age_seconds": {json.dumps(age)}}}\n'.encode()


def _latest_assessment(monitor: LivingMonitor) -> tuple[Health, float | None]:
    """A monitor's latest assessment, and its age in seconds."""
    evaluation = monitor.evaluation_if_made
    health = _UNKNOWN if evaluation is None else evaluation.health.latest
    if health.at is None:
        return health, None
    return health, round(max(0.0, monitor.clock.wall() - health.at), 3)


def _rank(assessed: tuple[Health, float | None]) -> tuple[bool, bool, float]:
    """The sort key of an assessment: failing ones first, then by score, then those without one."""
    health, _ = assessed
    return not health.failing, health.score is None, health.score or 0.0


def _json(fields: dict[str, Any]) -> bytes:
    # This is several times as fast as `asdict`, and Health consists of dataclasses only.
    try:
        text = json.dumps(fields, default=vars, allow_nan=False)
    except ValueError:
        # A signal may be infinite, which JSON cannot represent.
        finite = json.loads(json.dumps(fields, default=vars), parse_constant=lambda _: None)
        text = json.dumps(finite, allow_nan=False)
    return f"{text}\n".encode()


PROBES: Final[dict[str, Callable[[Request, object], Response]]] = {
    LIVE_PATH: _live,
    READY_PATH: _ready,
    HEALTH_PATH: _health,
}
"""The probes by path. Each looks at the monitors of a registry."""
