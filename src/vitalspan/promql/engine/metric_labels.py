"""The labels of series; each set of labels exists only once."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from vitalspan.promql.matchers import quoted
from vitalspan.runtime import fork

NAME: Final = "__name__"

METADATA: Final = frozenset({NAME, "__type__", "__unit__"})
"""The labels of the metric itself, which an operation on its values drops."""

MAX_CACHED: Final = 200_000
"""The maximum number of entries in a `LabelCache`, beyond which it is cleared."""

Pairs = tuple[tuple[str, str], ...]


class MetricLabels:
    """A set of labels, including the metric's name as `__name__`.

    Sets with equal labels are the same object, so they are compared and hashed by identity, which
    makes matching and grouping cheap. Create them with `metric_labels`.

    Attributes:
        pairs: names and values, sorted by name.
        drops_name: whether the name is dropped at the end of the evaluation, as in Prometheus with
            delayed name removal.
    """

    __slots__ = ("__weakref__", "_dropped", "_mapping", "_unnamed", "drops_name", "pairs")

    def __init__(self, pairs: Pairs, *, drops_name: bool) -> None:
        self.pairs = pairs
        self.drops_name = drops_name
        self._mapping: dict[str, str] | None = None
        self._unnamed: MetricLabels | None = None
        self._dropped: MetricLabels | None = None

    @property
    def mapping(self) -> Mapping[str, str]:
        """The labels by name."""
        if self._mapping is None:
            self._mapping = dict(self.pairs)
        return self._mapping

    def get(self, name: str) -> str:
        """Return the value of a label; empty if it is absent."""
        return self.mapping.get(name, "")

    @property
    def unnamed(self) -> MetricLabels:
        """The same labels without those of the metric itself."""
        if self._unnamed is None:
            self._unnamed = self.without(METADATA)
        return self._unnamed

    @property
    def dropped(self) -> MetricLabels:
        """The same labels, with a name that is dropped at the end of the evaluation."""
        if self._dropped is None:
            self._dropped = _intern(self.pairs, drops_name=True)
        return self._dropped

    @property
    def final(self) -> MetricLabels:
        """The labels in the result of an evaluation."""
        return self.unnamed if self.drops_name else self

    @property
    def kept(self) -> MetricLabels:
        """The same labels, with a name that is kept."""
        return _intern(self.pairs, drops_name=False) if self.drops_name else self

    def without(self, names: Iterable[str]) -> MetricLabels:
        """Return the labels without some; the name is kept if it is still there."""
        gone = frozenset(names)
        return _intern(tuple(pair for pair in self.pairs if pair[0] not in gone), drops_name=False)

    def only(self, names: Iterable[str]) -> MetricLabels:
        """Return only these labels."""
        names_kept = frozenset(names)
        return _intern(
            tuple(pair for pair in self.pairs if pair[0] in names_kept), drops_name=False
        )

    def updated(self, changes: Mapping[str, str]) -> MetricLabels:
        """Return the labels with some changed; an empty value removes a label."""
        mapping = {**self.mapping, **changes}
        pairs = tuple(sorted((name, value) for name, value in mapping.items() if value))
        return _intern(pairs, drops_name=self.drops_name and NAME not in changes)

    @property
    def of_metric(self) -> str:
        """The end of a message, with the name of the metric; empty without a name."""
        name = self.get(NAME)
        return f' for metric name "{name}"' if name else ""

    def __str__(self) -> str:
        return f"{{{', '.join(f'{name}={quoted(value)}' for name, value in self.pairs)}}}"

    __repr__ = __str__


def metric_labels(labels: Mapping[str, str] | Iterable[tuple[str, str]]) -> MetricLabels:
    """Return the unique set of these labels; empty values are left out."""
    pairs = labels.items() if isinstance(labels, Mapping) else labels
    return _intern(tuple(sorted(pair for pair in pairs if pair[1])), drops_name=False)


class LabelCache(dict[MetricLabels, MetricLabels]):
    """A cache of the label sets that a function makes.

    Args:
        make: the function.
    """

    def __init__(self, make: Callable[[MetricLabels], MetricLabels]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, labels: MetricLabels) -> MetricLabels:
        if len(self) >= MAX_CACHED:
            self.clear()
        result = self[labels] = self._make(labels)
        return result


def kept_labels(names: Iterable[str]) -> LabelCache:
    """Return a cache of label sets reduced to some labels."""
    return LabelCache(partial(_only, frozenset(names)))


def removed_labels(names: Iterable[str]) -> LabelCache:
    """Return a cache of label sets without some labels."""
    return LabelCache(partial(_without, frozenset(names)))


def _only(names: frozenset[str], labels: MetricLabels) -> MetricLabels:
    return labels.only(names)


def _without(names: frozenset[str], labels: MetricLabels) -> MetricLabels:
    return labels.without(names)


_Key = tuple[Pairs, bool]
_table: weakref.WeakValueDictionary[_Key, MetricLabels] = weakref.WeakValueDictionary()


class _TableLock:
    """The lock of the table, which is replaced in a forked child."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        fork.reset_in_child(self)

    def reset(self) -> None:
        self.lock = threading.RLock()


_guard: Final = _TableLock()


def _intern(pairs: Pairs, *, drops_name: bool) -> MetricLabels:
    key = (pairs, drops_name)
    labels = _table.get(key)
    if labels is None:
        with _guard.lock:
            labels = _table.get(key)
            if labels is None:
                labels = _table[key] = MetricLabels(pairs, drops_name=drops_name)
    return labels


EMPTY: Final = metric_labels(())
"""The empty set of labels."""
