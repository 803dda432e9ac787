"""The parts of the evaluation of one process that the processes of a service share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitalspan.rules.silences import Silences

if TYPE_CHECKING:
    from vitalspan.health.assessor import Assessor
    from vitalspan.history.history import History
    from vitalspan.notify import Actions, Dispatcher
    from vitalspan.rules.engine import RuleEngine
    from vitalspan.rules.rule_book import RuleBook


@dataclass
class EvaluationParts:
    """The parts of an evaluation.

    Attributes:
        history: what rules look back on.
        engine: evaluates them.
        rules: the rules in force.
        assessor: scores health.
        receivers: are notified.
        actions: are run.
        silences: keep alerts from receivers.
        interval: seconds between two ticks.
    """

    history: History
    engine: RuleEngine
    rules: RuleBook
    assessor: Assessor
    receivers: Dispatcher
    actions: Actions
    silences: Silences
    interval: float
