"""The labels of a series, each set of which exists once."""

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
"""The labels that say what a metric is, which an operation on its values takes away."""

MAX_CACHED: Final = 200_000
"""Entries of a `LabelCache`, beyond which it begins anew."""

Pairs = tuple[tuple[str, str], ...]


class MetricLabels:
    """A set of labels, the metric's name among them as `__name__`.

    Sets with equal labels are one object, so they are compared and hashed by identity, which is
    what makes matching and grouping cheap. Make them with `metric_labels`.

    Attributes:
        pairs: names with their values, in order of the names.
        drops_name: whether the name is taken away when the evaluation ends, as Prometheus does it
            with delayed name removal.
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
        """Return the value of a label; an absent one is empty."""
        return self.mapping.get(name, "")

    @property
    def unnamed(self) -> MetricLabels:
        """The same labels without those that say what the metric is."""
        if self._unnamed is None:
            self._unnamed = self.without(METADATA)
        return self._unnamed

    @property
    def dropped(self) -> MetricLabels:
        """The same labels, whose name is taken away when the evaluation ends."""
        if self._dropped is None:
            self._dropped = _intern(self.pairs, drops_name=True)
        return self._dropped

    @property
    def final(self) -> MetricLabels:
        """The labels as the result of an evaluation has them."""
        return self.unnamed if self.drops_name else self

    @property
    def kept(self) -> MetricLabels:
        """The same labels, whose name stays."""
        return _intern(self.pairs, drops_name=False) if self.drops_name else self

    def without(self, names: Iterable[str]) -> MetricLabels:
        """Return the labels without some, and with their name for good if they still have it."""
        gone = frozenset(names)
        return _intern(tuple(pair for pair in self.pairs if pair[0] not in gone), drops_name=False)

    def only(self, names: Iterable[str]) -> MetricLabels:
        """Return these labels and no others."""
        names_kept = frozenset(names)
        return _intern(
            tuple(pair for pair in self.pairs if pair[0] in names_kept), drops_name=False
        )

    def updated(self, changes: Mapping[str, str]) -> MetricLabels:
        """Return the labels with some changed; an empty value takes a label away."""
        mapping = {**self.mapping, **changes}
        pairs = tuple(sorted((name, value) for name, value in mapping.items() if value))
        return _intern(pairs, drops_name=self.drops_name and NAME not in changes)

    @property
    def of_metric(self) -> str:
        """The end of a message, which says what the metric is called; empty without a name."""
        name = self.get(NAME)
        return f' for metric name "{name}"' if name else ""

    def __str__(self) -> str:
        return f"{{{', '.join(f'{name}={quoted(value)}' for name, value in self.pairs)}}}"

    __repr__ = __str__


def metric_labels(labels: Mapping[str, str] | Iterable[tuple[str, str]]) -> MetricLabels:
    """Return the one set of these labels; empty values are left out."""
    pairs = labels.items() if isinstance(labels, Mapping) else labels
    return _intern(tuple(sorted(pair for pair in pairs if pair[1])), drops_name=False)


class LabelCache(dict[MetricLabels, MetricLabels]):
    """A cache of the label sets that a function makes, each computed once.

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
    """The lock of the table, which a forked child makes anew."""

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
"""No labels at all."""
