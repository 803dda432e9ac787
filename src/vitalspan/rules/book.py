"""The rules in force: those of a file, and those that the program adds."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.history.history import History
from vitalspan.record.faults import logger
from vitalspan.record.judge import Judge
from vitalspan.rules.file import build_component, build_health, build_rule, build_slo, load
from vitalspan.rules.model import Group, Rule, RuleSet, Slo
from vitalspan.rules.scoring import Component, Scoring, circle, feeding_on_itself, merged
from vitalspan.signals.matching import match_all

ADDED: Final = "added"
"""The group of the rules that the program adds."""

_Stamp = tuple[int, int, int]


class RuleBook:
    """Where rules come from, and who is told when they change.

    Args:
        history: whose calls the SLOs judge.
        changed: is told when any of it has changed.
        locked: keeps other threads from changing anything.
    """

    def __init__(
        self,
        history: History,
        changed: Callable[[], None],
        locked: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.path: Path | None = None
        self.reload_failed = False
        self.prefix = ""
        self._history = history
        self._changed = changed
        self._locked = locked
        self._asked = False
        self._of_file = RuleSet()
        self._rules: list[Rule] = []
        self._slos: list[Slo] = []
        self._scoring: Scoring | None = None
        self._components: list[Component] = []
        self._stamp: _Stamp | None = None
        self._judges: dict[object, Judge] = {}

    @property
    def in_force(self) -> RuleSet:
        """All rules and SLOs, without the groups that the SLOs make, and how health is scored."""
        added = (Group(ADDED, tuple(self._rules)),) if self._rules else ()
        return RuleSet(
            (*self._of_file.groups, *added),
            (*self._of_file.slos, *self._slos),
            self._health(self._of_file, self._scoring, self._components),
        )

    def load(self, path: str | os.PathLike[str] | None) -> None:
        """Take the rules of a file in place of those of the file before; None takes them away.

        Raises:
            ConfigurationError: for a file with mistakes; the rules stay as they were.
            MissingExtraError: where no YAML can be read.
        """
        # A daemon may change its directory later.
        path = None if path is None else Path(path).absolute()
        stamp = None if path is None else _stamp(path)
        wanted = RuleSet() if path is None else load(path)
        with self._locked():
            self._use(wanted)
            self.path = path
            self._stamp, self.reload_failed = stamp, False

    def use(self, rules: RuleSet) -> None:
        """Take these rules in place of those of a file.

        Raises:
            ConfigurationError: where an SLO that was added has a name of theirs.
        """
        with self._locked():
            self._use(rules)
            self.path = None
            self.reload_failed = False

    def reload(self) -> bool:
        """Read the file again; with a mistake in it, the rules stay as they were.

        Returns:
            Whether it could be read.
        """
        if self.path is None:
            return True
        # What is written while it is read makes another stamp, and is read at the next tick.
        stamp = _stamp(self.path)
        try:
            self.load(self.path)
        except ConfigurationError as refused:
            self._stamp = stamp
            self.reload_failed = True
            logger.error("the rules before are still in force: %s", refused)
            return False
        return True

    def reload_if_changed(self) -> None:
        """Read the file again if it is another one than before, or a signal has asked for it."""
        asked, self._asked = self._asked, False
        if self.path is not None and (asked or _stamp(self.path) != self._stamp):
            self.reload()

    def reload_on_signal(self, number: int | None = None) -> None:
        """Read the file again at the tick after each signal; a handler there was is called as well.

        Args:
            number: the signal, SIGHUP by default.

        Raises:
            ValueError: outside the main thread, which alone can have handlers, or where there is no
                SIGHUP.
        """
        number = getattr(signal, "SIGHUP", None) if number is None else number
        if number is None:
            raise ValueError("this system has no SIGHUP: name another signal")
        before = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None) -> None:
            self._asked = True
            if callable(before):
                before(received, frame)

        signal.signal(number, handle)

    def add(self, rule: Rule | None = None, /, **fields: Any) -> Rule:
        """Add a rule, or change the one of the same name that was added before.

        Args:
            rule: a complete one.
            **fields: those of the rule file; `for` is spelled `for_`.

        Raises:
            ConfigurationError: for fields that make no rule.
        """
        if rule is None:
            rule = build_rule({name.removesuffix("_"): value for name, value in fields.items()})
        with self._locked():
            kept = [one for one in self._rules if one.alert != rule.alert]
            self._use(self._of_file, rules=[*kept, rule])
        return rule

    def add_slo(self, slo: Slo | None = None, /, **fields: Any) -> Slo:
        """Add an SLO, or change the one of the same name that was added before.

        Raises:
            ConfigurationError: for fields that make no SLO.
        """
        if slo is None:
            slo = build_slo(fields)
        with self._locked():
            kept = [one for one in self._slos if one.name != slo.name]
            self._use(self._of_file, slos=[*kept, slo])
        return slo

    def set_health(self, scoring: Scoring | None = None, /, **fields: Any) -> Scoring | None:
        """Say how health is scored; what was said so before is forgotten, components stay.

        Args:
            scoring: all of it at once.
            **fields: those under `health` in the rule file; none at all leave it to the file.

        Raises:
            ConfigurationError: for fields that make no scoring.
        """
        if scoring is None and fields:
            scoring = build_health(fields)
        with self._locked():
            self._check_health(self._health(self._of_file, scoring, self._components))
            self._scoring = scoring
            self._use(self._of_file)
        return scoring

    def add_component(self, name: str, **fields: Any) -> Component:
        """Declare a component, or change the one of that name.

        Args:
            name: its `component` label.
            **fields: `weight`, `critical` and `depends_on`, as in the rule file.

        Raises:
            ConfigurationError: for fields that make no component, or a circle of them.
        """
        component = build_component(name, fields)
        with self._locked():
            kept = [one for one in self._components if one.name != component.name]
            wanted = [*kept, component]
            self._check_health(self._health(self._of_file, self._scoring, wanted))
            self._components = wanted
            self._use(self._of_file)
        return component

    def remove_component(self, name: str) -> bool:
        """Take away a component that was added; return whether there was one."""
        with self._locked():
            kept = [one for one in self._components if one.name != name]
            found = len(kept) < len(self._components)
            self._components = kept
            if found:
                self._use(self._of_file)
            return found

    def _health(
        self, of_file: RuleSet, scoring: Scoring | None, components: list[Component]
    ) -> Scoring | None:
        added = Scoring(components=tuple(components)) if components else None
        return merged(merged(of_file.health, scoring), added)

    def _check_health(self, health: Scoring | None) -> None:
        if health is None:
            return
        problem = circle(health.components) or feeding_on_itself(health.factors, self.prefix)
        if problem:
            raise ConfigurationError(problem)

    def know_prefix(self, metric_prefix: str) -> None:
        """Take note of what is before the names of the monitor's metrics.

        Raises:
            ConfigurationError: where a factor of health would be made of the score then.
        """
        before, self.prefix = self.prefix, metric_prefix
        try:
            self._check_health(self.in_force.health)
        except ConfigurationError:
            self.prefix = before
            raise

    def remove(self, name: str) -> bool:
        """Take away a rule, or an SLO, that was added; return whether there was one."""
        with self._locked():
            rules = [one for one in self._rules if one.alert != name]
            slos = [one for one in self._slos if one.name != name]
            found = len(rules) < len(self._rules) or len(slos) < len(self._slos)
            if found:
                self._use(self._of_file, rules=rules, slos=slos)
            return found

    def _use(
        self, of_file: RuleSet, rules: list[Rule] | None = None, slos: list[Slo] | None = None
    ) -> None:
        wanted_slos = [*of_file.slos, *(self._slos if slos is None else slos)]
        twice = {one.name for one in wanted_slos if _named(one.name, wanted_slos) > 1}
        if twice:
            raise ConfigurationError(
                f"SLO {min(twice)!r} is in the rule file and added as well: rename one"
            )
        self._check_health(self._health(of_file, self._scoring, self._components))
        self._of_file = of_file
        self._rules = self._rules if rules is None else rules
        self._slos = self._slos if slos is None else slos
        self._judge(wanted_slos)
        self._changed()

    def _judge(self, wanted: list[Slo]) -> None:
        # What an SLO has counted stays, unless it judges other calls, or otherwise.
        judges: dict[object, Judge] = {}
        for slo in wanted:
            judge = self._judges.get(_judged(slo)) or _judge_of(slo)
            judge.objective = slo.objective
            judges[_judged(slo)] = judge
        self._judges = judges
        self._history.judge_by(
            {slo.name: judges[_judged(slo)] for slo in wanted},
        )


def _judge_of(slo: Slo) -> Judge:
    return Judge(partial(match_all, slo.where), slo.objective, slo.under)


def _judged(slo: Slo) -> object:
    return slo.name, slo.where, slo.under


def _named(name: str, among: list[Slo]) -> int:
    return sum(1 for one in among if one.name == name)


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
