"""Which component depends on which, and what that makes of their scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vitalspan.rules.scoring import Component


class Graph:
    """Components and what they depend on, directly or not.

    Args:
        components: those that are declared, without circles.
    """

    def __init__(self, components: Iterable[Component]) -> None:
        self.declared = {one.name: one for one in components}
        self._reached: dict[str, frozenset[str]] = {}

    def names(self, seen: Iterable[str]) -> list[str]:
        """Return every component, sorted: declared, depended on, or seen in traffic."""
        needed = (name for one in self.declared.values() for name in one.depends_on)
        return sorted({*self.declared, *needed, *seen})

    def component(self, name: str) -> Component:
        """Return what is declared of a component; of others what goes without saying."""
        return self.declared.get(name) or Component(name)

    def reached_from(self, name: str) -> frozenset[str]:
        """Return a component and all that it depends on, directly or not."""
        known = self._reached.get(name)
        if known is None:
            found, open_ends = {name}, [name]
            while open_ends:
                for other in self.component(open_ends.pop()).depends_on:
                    if other not in found:
                        found.add(other)
                        open_ends.append(other)
            known = self._reached[name] = frozenset(found)
        return known

    def limiting(self, name: str, scores: Mapping[str, float | None]) -> tuple[float, str] | None:
        """Return the least score of a component and all that it depends on, and whose it is.

        Of equal ones its own counts; None where none of them is known.
        """
        known = [
            (score, other != name, other)
            for other in self.reached_from(name)
            if (score := scores.get(other)) is not None
        ]
        if not known:
            return None
        score, _, whose = min(known)
        return score, whose
