"""What load balancers, Kubernetes and people ask a process: is it alive, is it ready, how is it.

An answer is made of what is there already. Nothing here takes a lock, asks a collector or counts a
call, so a scrape or a tick that hangs holds up no probe.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from vitalspan.health.result import Health
from vitalspan.monitor import Monitor, monitors_of
from vitalspan.rules.scoring import NO_DATA

LIVE_PATH: Final = "/-/live"
READY_PATH: Final = "/-/ready"
HEALTH_PATH: Final = "/health"

_TEXT: Final = "text/plain; charset=utf-8"
_UNKNOWN: Final = Health(None, NO_DATA, failing=False, model="", at=None)


class Finding(NamedTuple):
    """What a probe found."""

    status: HTTPStatus
    body: bytes
    content_type: str


Probe = Callable[[object], Finding]
"""Looks at the monitors of a registry."""


def probe_at(path: str, *, any_path: bool) -> Probe | None:
    """Return the probe at a path; None if there is none.

    Args:
        path: of the request.
        any_path: whether it is enough that the path ends like that of a probe.
    """
    if not any_path:
        return _PROBES.get(path)
    return next((probe for end, probe in _PROBES.items() if path.endswith(end)), None)


def _live(_: object) -> Finding:
    return Finding(HTTPStatus.OK, b"vitalspan is alive\n", _TEXT)


def _ready(registry: object) -> Finding:
    reasons = [monitor.not_ready for monitor in monitors_of(registry)]
    lines = "".join(f"not ready: {reason}\n" for reason in reasons if reason is not None)
    if lines:
        return Finding(HTTPStatus.SERVICE_UNAVAILABLE, lines.encode(), _TEXT)
    return Finding(HTTPStatus.OK, b"ready\n", _TEXT)


def _health(registry: object) -> Finding:
    found = [_assessed(monitor) for monitor in monitors_of(registry)]
    health, age = min(found, key=_rank, default=(_UNKNOWN, None))
    status = HTTPStatus.SERVICE_UNAVAILABLE if health.failing else HTTPStatus.OK
    return Finding(status, _with_age(_body(health), age), "application/json")


_bodies: OrderedDict[int, tuple[Health, bytes]] = OrderedDict()
_MOST_BODIES: Final = 8


def _body(health: Health) -> bytes:
    """The JSON of an assessment, made once: probes come more often than ticks."""
    known = _bodies.get(id(health))
    # The assessment is kept beside it, so that no other one can have its identity.
    if known is None:
        known = (health, _json({**vars(health), "graph": health.graph()}))
        _bodies[id(health)] = known
        while len(_bodies) > _MOST_BODIES:
            _bodies.popitem(last=False)
    return known[1]


def _with_age(body: bytes, age: float | None) -> bytes:
    return body.rstrip().removesuffix(b"}") + f', "age_seconds": {json.dumps(age)}}}\n'.encode()


def _assessed(monitor: Monitor) -> tuple[Health, float | None]:
    """A monitor's last assessment, and for how many seconds it has been the last."""
    health = monitor.last_health() or _UNKNOWN
    if health.at is None:
        return health, None
    return health, round(max(0.0, monitor.clock.wall() - health.at), 3)


def _rank(assessed: tuple[Health, float | None]) -> tuple[bool, bool, float]:
    """Sorts what fails first, then by score, then what has none."""
    health, _ = assessed
    return not health.failing, health.score is None, health.score or 0.0


def _json(shown: dict[str, Any]) -> bytes:
    # Several times as fast as what `asdict` makes, and all of Health is made of dataclasses.
    try:
        text = json.dumps(shown, default=vars, allow_nan=False)
    except ValueError:
        # A signal may be infinite, which JSON has no number for.
        finite = json.loads(json.dumps(shown, default=vars), parse_constant=lambda _: None)
        text = json.dumps(finite, allow_nan=False)
    return f"{text}\n".encode()


_PROBES: Final[dict[str, Probe]] = {LIVE_PATH: _live, READY_PATH: _ready, HEALTH_PATH: _health}
