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
        self._in_order = self._needed_first()

    def names(self, seen: Iterable[str]) -> list[str]:
        """Return every component, sorted: declared, depended on, or seen in traffic."""
        return sorted({*self._in_order, *seen})

    def component(self, name: str) -> Component:
        """Return what is declared of a component; of others what goes without saying."""
        return self.declared.get(name) or Component(name)

    def limiting(self, scores: Mapping[str, float | None]) -> dict[str, tuple[float, str]]:
        """Return for each component its least score and whose it is, of all that it depends on too.

        Of equal ones its own counts; those of which none is known are left out.

        Args:
            scores: of the components by themselves.
        """
        least: dict[str, tuple[float, str]] = {}
        found: dict[str, tuple[float, str]] = {}
        # What depends on nothing, and is in no order, is known by itself.
        for name in dict.fromkeys([*self._in_order, *scores]):
            own = scores.get(name)
            needed = [least[other] for other in self.component(name).depends_on if other in least]
            reached = needed if own is None else [(own, name), *needed]
            if reached:
                least[name] = min(reached)
                is_own = own is not None and own <= least[name][0]
                found[name] = (least[name][0], name) if is_own else least[name]
        return found

    def _needed_first(self) -> list[str]:
        """Return what is declared or depended on, each after all that it depends on."""
        done: list[str] = []
        begun: set[str] = set()
        for start in self.declared:
            # An explicit stack: a chain may be longer than Python's recursion is deep.
            path = [] if start in begun else [(start, iter(self.component(start).depends_on))]
            begun.add(start)
            while path:
                name, following = path[-1]
                other = next((one for one in following if one not in begun), None)
                if other is None:
                    done.append(name)
                    path.pop()
                else:
                    begun.add(other)
                    path.append((other, iter(self.component(other).depends_on)))
        return done
