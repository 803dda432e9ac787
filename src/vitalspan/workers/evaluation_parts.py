"""The parts of an evaluation, which are shared between processes, and stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitalspan.health.assessor import Assessor
    from vitalspan.history.history import History
    from vitalspan.notify import Actions, Dispatcher
    from vitalspan.rules.engine import RuleEngine
    from vitalspan.rules.rule_book import RuleBook
    from vitalspan.rules.silences import Silences


@dataclass
class EvaluationParts:
    """The parts of an evaluation.

    Attributes:
        history: the history that rules look back on.
        engine: evaluates the rules.
        rules: the current rules.
        assessor: scores health.
        receivers: the receivers of notifications.
        actions: the actions that are run.
        silences: keep alerts from being sent.
        interval: returns the seconds between two ticks.
    """

    history: History
    engine: RuleEngine
    rules: RuleBook
    assessor: Assessor
    receivers: Dispatcher
    actions: Actions
    silences: Silences
    interval: Callable[[], float]
