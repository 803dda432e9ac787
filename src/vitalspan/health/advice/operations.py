"""Operations that take most of the time, are slowest, or fail most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from vitalspan.health.advice.recommendation import Recommendation, factors_on, gained
from vitalspan.health.blame import OPEN, Scene, Stretch
from vitalspan.health.result import Health
from vitalspan.history.track import Track
from vitalspan.names import COMPONENT, OPERATION
from vitalspan.signals.units import RATIO, SECONDS, duration_text, value_text

WINDOW: Final = 300.0
"""Seconds that are looked back on."""

BOTTLENECK: Final = 0.2
"""The share of the time of all operations from which on one of them is a bottleneck."""

SLOWEST: Final = 5
"""How many of the slowest operations are named."""

_SPEED: Final = ("latency_mean", "change of latency_mean")
_FAILING: Final = 0.01
"""The share of calls that fail from which on something is recommended."""


class Place(NamedTuple):
    """An operation of a component."""

    component: str
    operation: str


class Work(NamedTuple):
    """What an operation has done."""

    calls: float
    seconds: float
    errors: float

    @property
    def mean(self) -> float:
        """Seconds a call."""
        return self.seconds / self.calls


def work_of(scene: Scene) -> dict[Place, Work]:
    """Return what each operation has done within the window; those without a call are left out."""
    tracks: dict[Place, list[Track]] = {}
    for track in scene.history.operations.all:
        place = Place(track.labels[COMPONENT], track.labels[OPERATION])
        tracks.setdefault(place, []).append(track)
    start = scene.start(WINDOW)
    done = {}
    for place, those in tracks.items():
        stretch = Stretch(tuple(those), start, OPEN)
        calls = stretch.increase("count")
        if calls > 0:
            errors = stretch.increase("errors")
            done[place] = Work(calls, stretch.increase("total"), errors)
    return done


def bottlenecks(work: Mapping[Place, Work], health: Health) -> Iterator[Recommendation]:
    """Yield the operations that take more than a fifth of the time of all."""
    whole = sum(one.seconds for one in work.values())
    for place, one in work.items():
        share = one.seconds / whole if whole else 0.0
        if share > BOTTLENECK and len(work) > 1:
            yield Recommendation(
                "bottleneck",
                place.operation,
                place.component,
                f"{value_text(share, RATIO)} of the time of all operations over "
                f"{duration_text(WINDOW)}: {_calls(one)}",
                "make it faster, or call it less often: nothing else brings as much",
                _speed_gain(health, share),
            )


def slowest(work: Mapping[Place, Work]) -> Iterator[Recommendation]:
    """Yield the operations whose calls take longest."""
    ranked = sorted(work.items(), key=lambda item: -item[1].mean)
    for rank, (place, one) in enumerate(ranked[:SLOWEST], 1):
        yield Recommendation(
            "slow_operation",
            place.operation,
            place.component,
            f"number {rank} of the slowest over {duration_text(WINDOW)}: {_calls(one)}",
            "look at its slow calls: give it a limit with slow=, and read monitor.slow_calls()",
        )


def failing(work: Mapping[Place, Work], health: Health) -> Iterator[Recommendation]:
    """Yield the operations that fail, with what the score would gain if they did not."""
    calls = sum(one.calls for one in work.values())
    errors = sum(one.errors for one in work.values())
    for place, one in work.items():
        if one.errors / one.calls >= _FAILING:
            without = (errors - one.errors) / calls
            gain = sum(gained(factor, without) for factor in factors_on(health, "error_ratio"))
            yield Recommendation(
                "failing_operation",
                place.operation,
                place.component,
                f"{one.errors:.0f} of {one.calls:.0f} calls failed over {duration_text(WINDOW)}",
                "find out why: operation_errors_total has the types, spans have the messages",
                gain,
            )


def _calls(one: Work) -> str:
    return f"{one.calls:.0f} calls of {value_text(one.mean, SECONDS)}"


def _speed_gain(health: Health, share: float) -> float:
    """Return the points that speed costs, as far as an operation's share of the time makes them."""
    return sum(one.points_lost * share for one in factors_on(health, *_SPEED))
