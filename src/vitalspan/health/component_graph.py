"""The graph of components: which depends on which, and how that limits their scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vitalspan.rules.scoring import Component


class ComponentGraph:
    """Components and what they depend on, directly or indirectly.

    Args:
        components: the declared ones, without cycles.
    """

    def __init__(self, components: Iterable[Component]) -> None:
        self.declared = {one.name: one for one in components}
        self._in_order = self._needed_first()

    def names(self, seen: Iterable[str]) -> list[str]:
        """Return the sorted names of all components: declared, depended on, or seen in traffic."""
        return sorted({*self._in_order, *seen})

    def component(self, name: str) -> Component:
        """Return a component as it is declared, or with the defaults if it is not."""
        return self.declared.get(name) or Component(name)

    def limiting(self, scores: Mapping[str, float | None]) -> dict[str, tuple[float, str]]:
        """Return the effective score of each component, and the component whose score that is.

        It is the lowest of its own score and those of all that it depends on. Between equal scores
        its own is preferred. Components without any known score are left out.

        Args:
            scores: the own scores of the components.
        """
        lowest: dict[str, tuple[float, str]] = {}
        limiting: dict[str, tuple[float, str]] = {}
        # Components that are only seen in traffic depend on nothing, and come last.
        for name in dict.fromkeys([*self._in_order, *scores]):
            own = scores.get(name)
            needed = [lowest[other] for other in self.component(name).depends_on if other in lowest]
            candidates = needed if own is None else [(own, name), *needed]
            if candidates:
                lowest[name] = min(candidates)
                is_own = own is not None and own <= lowest[name][0]
                limiting[name] = (lowest[name][0], name) if is_own else lowest[name]
        return limiting

    def _needed_first(self) -> list[str]:
        """Return the components of the graph, each after all that it depends on."""
        ordered: list[str] = []
        visited: set[str] = set()
        for start in self.declared:
            # An explicit stack: a chain may be longer than Python's recursion is deep.
            path = [] if start in visited else [(start, iter(self.component(start).depends_on))]
            visited.add(start)
            while path:
                name, following = path[-1]
                other = next((one for one in following if one not in visited), None)
                if other is None:
                    ordered.append(name)
                    path.pop()
                else:
                    visited.add(other)
                    path.append((other, iter(self.component(other).depends_on)))
        return ordered
