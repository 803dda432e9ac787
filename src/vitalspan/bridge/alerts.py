"""What rules, SLOs and receivers look like as samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from vitalspan import names
from vitalspan.bridge.state import Block, Sample
from vitalspan.record.labels import Labels
from vitalspan.rules.budget import SloStatus
from vitalspan.rules.engine import Engine

_PHASES: Final = {"inactive": 0, "pending": 1, "firing": 2}

_CIRCUITS: Final = {"closed": 0.0, "half_open": 0.5, "open": 1.0}


class Receiver(Protocol):
    """What is told about a receiver."""

    @property
    def name(self) -> str:
        """Its name, unlike the others'."""
        ...

    @property
    def circuit(self) -> str:
        """`closed`, `open` or `half_open`."""
        ...

    @property
    def results(self) -> Mapping[str, int]:
        """Messages by their result."""
        ...


def alert_blocks(engine: Engine) -> Iterator[Block]:
    """Yield the families about rules."""
    states: dict[Labels, int] = {}
    for run in engine.runs():
        for labels, phase in run.phases():
            key = tuple(sorted(labels.items()))
            # Two rules may make the same labels; whichever is worse counts.
            states[key] = max(states.get(key, 0), _PHASES[phase])
    yield Block(names.ALERT_STATE, [Sample(labels, value) for labels, value in states.items()])
    # Zeros from the start: of a counter that begins at 1, Prometheus misses the first event.
    transitions = dict.fromkeys(_possible(engine), 0) | engine.transitions
    keys = ("alertname", "severity", "state")
    yield Block(
        names.ALERT_TRANSITIONS,
        [
            Sample(tuple(zip(keys, values, strict=True)), count)
            for values, count in sorted(transitions.items())
        ],
    )
    failures = dict.fromkeys((run.rule.alert for run in engine.runs()), 0) | engine.failures
    yield Block(
        names.RULE_FAILURES,
        [Sample((("alertname", name),), count) for name, count in sorted(failures.items())],
    )


def _possible(engine: Engine) -> Iterator[tuple[str, str, str]]:
    """Yield the changes that there can be: alert, severity, and the state that it comes to."""
    for run in engine.runs():
        rule = run.rule
        waiting = ("pending", "inactive") if rule.for_seconds else ()
        for level in rule.levels:
            for state in (*waiting, "firing", "resolved"):
                yield rule.alert, level.severity, state


def slo_blocks(
    statuses: Iterable[SloStatus], totals: Mapping[str, tuple[int, int]]
) -> Iterator[Block]:
    """Yield the families about SLOs.

    Args:
        statuses: how they stand.
        totals: all events so far, and the bad ones, by SLO.
    """
    known = list(statuses)
    labels = {one.name: (("slo", one.name),) for one in known}
    yield Block(
        names.SLO_EVENTS,
        [Sample(labels[name], events) for name, (events, _) in totals.items() if name in labels],
    )
    yield Block(
        names.SLO_BAD_EVENTS,
        [Sample(labels[name], bad) for name, (_, bad) in totals.items() if name in labels],
    )
    yield Block(names.SLO_OBJECTIVE, [Sample(labels[one.name], one.objective) for one in known])
    yield Block(
        names.SLO_BUDGET,
        [
            Sample(labels[one.name], one.budget_remaining)
            for one in known
            if one.budget_remaining is not None
        ],
    )


def receiver_blocks(receivers: Iterable[Receiver], actions: Mapping[str, int]) -> Iterator[Block]:
    """Yield the families about who is told, and what is done.

    Args:
        receivers: those that are told.
        actions: actions that alerts set off, by result.
    """
    known = list(receivers)
    yield Block(
        names.ALERT_NOTIFICATIONS,
        [
            Sample((("receiver", one.name), ("result", result)), count)
            for one in known
            for result, count in sorted(one.results.items())
        ],
    )
    yield Block(
        names.RECEIVER_CIRCUIT,
        [Sample((("receiver", one.name),), _CIRCUITS[one.circuit]) for one in known],
    )
    yield Block(
        names.ALERT_ACTIONS,
        [Sample((("result", result),), count) for result, count in sorted(actions.items())],
    )
