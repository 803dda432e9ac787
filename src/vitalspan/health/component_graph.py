"""The graph of components: how dependencies limit their scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vitalspan.rules.scoring import Component


class ComponentGraph:
    """Components and their direct and indirect dependencies.

    Args:
        components: the declared components, without cycles.
    """

    def __init__(self, components: Iterable[Component]) -> None:
        self.declared = {one.name: one for one in components}
        self._in_order = self._needed_first()

    def names(self, seen: Iterable[str]) -> list[str]:
        """Return the sorted names of all components: declared, depended on, or seen in traffic."""
        return sorted({*self._in_order, *seen})

    def component(self, name: str) -> Component:
        """Return a component as it was declared, or with defaults."""
        return self.declared.get(name) or Component(name)

    def reached_from(self, name: str) -> list[str]:
        """Return a component and all that it depends on, directly or not."""
        reached = [name]
        for one in reached:
            reached += [other for other in self.component(one).depends_on if other not in reached]
        return reached

    def limiting(self, scores: Mapping[str, float | None]) -> dict[str, tuple[float, str]]:
        """Return the effective score of each component, and the component that it comes from.

        It is the lowest of its own score and those of all its dependencies. If scores are equal,
        its own is preferred. Components without any known score are left out.

        Args:
            scores: the own scores of the components.
        """
        lowest: dict[str, tuple[float, str]] = {}
        limiting: dict[str, tuple[float, str]] = {}
        # Components that are only seen in traffic have no dependencies, and come last.
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
        """Return the components of the graph, each after its dependencies."""
        ordered: list[str] = []
        visited: set[str] = set()
        for start in self.declared:
            # An explicit stack, because a chain may exceed Python's recursion limit.
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
