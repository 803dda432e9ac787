"""Probes for load balancers, Kubernetes and people: is the process alive, ready and healthy?

A response is made of what is there already. Nothing here takes a lock, asks a collector or counts a
call, so a scrape or a tick that hangs holds up no probe.
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
    """The JSON of an assessment, made once: probes come more often than ticks."""
    entry = _bodies.get(id(health))
    # The assessment is kept beside it, so that no other one can have its identity.
    if entry is None:
        entry = (health, _json({**vars(health), "graph": health.graph()}))
        _bodies[id(health)] = entry
        while len(_bodies) > _MOST_BODIES:
            _bodies.popitem(last=False)
    return entry[1]


def _with_age(body: bytes, age: float | None) -> bytes:
    return body.rstrip().removesuffix(b"}") + f', "age_seconds": {json.dumps(age)}}}\n'.encode()


def _latest_assessment(monitor: LivingMonitor) -> tuple[Health, float | None]:
    """A monitor's last assessment, and for how many seconds it has been the last."""
    evaluation = monitor.evaluation_if_made
    health = _UNKNOWN if evaluation is None else evaluation.health.latest
    if health.at is None:
        return health, None
    return health, round(max(0.0, monitor.clock.wall() - health.at), 3)


def _rank(assessed: tuple[Health, float | None]) -> tuple[bool, bool, float]:
    """Sorts what fails first, then by score, then what has none."""
    health, _ = assessed
    return not health.failing, health.score is None, health.score or 0.0


def _json(fields: dict[str, Any]) -> bytes:
    # Several times as fast as what `asdict` makes, and all of Health is made of dataclasses.
    try:
        text = json.dumps(fields, default=vars, allow_nan=False)
    except ValueError:
        # A signal may be infinite, which JSON has no number for.
        finite = json.loads(json.dumps(fields, default=vars), parse_constant=lambda _: None)
        text = json.dumps(finite, allow_nan=False)
    return f"{text}\n".encode()


PROBES: Final[dict[str, Callable[[Request, object], Response]]] = {
    LIVE_PATH: _live,
    READY_PATH: _ready,
    HEALTH_PATH: _health,
}
"""The probes by their paths. Each looks at the monitors of a registry."""
