"""The view of a snapshot: order, filter, selection and detail, which keys change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from vitalspan.top.figures import Figures

SORTS: Final[dict[str, Callable[[Figures], float]]] = {
    "calls": lambda one: one.call_rate or 0.0,
    "errors": lambda one: one.error_ratio or 0.0,
    "p95": lambda one: one.quantile(0.95) or 0.0,
    "running": lambda one: one.in_progress,
    "oldest": lambda one: one.oldest,
    "total": lambda one: one.calls,
}
"""The values by which operations can be sorted, the greatest first."""

BY_NAME: Final = "name"
SORT_NAMES: Final = (*SORTS, BY_NAME)

_UP: Final = ("up", "k")
_DOWN: Final = ("down", "j")
_PAGE: Final = 10
_LONGEST_FILTER: Final = 60

Identity = tuple[str, str, str]


def identity(figures: Figures) -> Identity:
    """Return the identity of a row."""
    return figures.component, figures.operation, figures.instance


@dataclass
class View:
    """What is shown, and how.

    Attributes:
        apart: whether each instance has rows of its own.
        sort: one of `SORT_NAMES`.
        reverse: whether the order is reversed.
        filter: a part of the name of an operation, component or instance.
        typing: whether keys are added to the filter.
        paused: whether updates are paused.
        detail: whether only the selected operation is shown.
        selected: the identity of the selected row; None for the first one.
        ended: whether the user has quit.
    """

    apart: bool = False
    sort: str = "calls"
    reverse: bool = False
    filter: str = ""
    typing: bool = False
    paused: bool = False
    detail: bool = False
    selected: Identity | None = None
    ended: bool = False
    rows: list[Figures] = field(default_factory=list)

    def show(self, figures: Sequence[Figures]) -> None:
        """Filter and sort new figures."""
        wanted = self.filter.casefold()
        found = [one for one in figures if wanted in " ".join(identity(one)).casefold()]
        # Equal values are sorted by name, so that rows do not jump.
        found.sort(key=lambda one: (one.operation, one.component, one.instance))
        if self.sort in SORTS:
            found.sort(key=SORTS[self.sort], reverse=True)
        self.rows = found[::-1] if self.reverse else found

    @property
    def state(self) -> tuple[object, ...]:
        """Everything that determines what is shown of the same figures."""
        fields = vars(self)
        return tuple(value for name, value in fields.items() if name not in ("rows", "ended"))

    @property
    def index(self) -> int:
        """The index of the selected row; 0 if it is not there."""
        places = (at for at, one in enumerate(self.rows) if identity(one) == self.selected)
        return next(places, 0)

    def press(self, key: str) -> None:
        """Handle a key: a character, or the name of a key such as `up` or `enter`."""
        if self.typing:
            self._type(key)
        elif key in _UP or key in _DOWN or key in ("pageup", "pagedown"):
            self._move(key)
        else:
            self._command(key)

    def _type(self, key: str) -> None:
        if key == "enter":
            self.typing = False
        elif key == "escape":
            self.typing, self.filter = False, ""
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1 and key.isprintable():
            self.filter = (self.filter + key)[:_LONGEST_FILTER]

    def _move(self, key: str) -> None:
        step = 1 if key in _UP or key in _DOWN else _PAGE
        step = -step if key in _UP or key == "pageup" else step
        if self.rows:
            at = min(max(self.index + step, 0), len(self.rows) - 1)
            self.selected = identity(self.rows[at])

    def _command(self, key: str) -> None:
        if key in ("p", " "):
            self.paused = not self.paused
        elif key == "s":
            at = SORT_NAMES.index(self.sort)
            self.sort = SORT_NAMES[(at + 1) % len(SORT_NAMES)]
        elif key == "r":
            self.reverse = not self.reverse
        elif key == "a":
            self.apart, self.selected, self.detail = not self.apart, None, False
        elif key == "/":
            self.typing, self.detail = True, False
        elif key == "enter" and self.rows:
            self.detail, self.selected = True, identity(self.rows[self.index])
        else:
            self._leave(key)

    def _leave(self, key: str) -> None:
        if key == "q" or (key == "escape" and not (self.detail or self.filter)):
            self.ended = key == "q"
        elif key == "escape":
            self.detail, self.filter = False, self.filter if self.detail else ""
