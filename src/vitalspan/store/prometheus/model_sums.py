"""The sums of models, which a Prometheus has in several metrics and a store in one series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vitalspan.recording.model_amounts import DURATION, FIRST_TOKEN, columns_of
from vitalspan.store.protocol import StoredSeries
from vitalspan.store.stored_sums import StoredSums

_MODEL = "model"


def with_whole_models(every: Iterable[StoredSums]) -> Iterator[StoredSums]:
    """Yield series as a store has them: that of a model with its tokens and its durations.

    Calls without a model are left out; they count in those of their API.
    """
    models: dict[tuple[tuple[str, str], ...], tuple[StoredSeries, dict[str, float]]] = {}
    for one in every:
        series = one.series
        if series.kind not in (_MODEL, DURATION, FIRST_TOKEN):
            yield one
        elif _MODEL in series.labels:
            key = tuple(series.labels.items())
            _, columns = models.setdefault(key, (series._replace(kind=_MODEL), {}))
            if series.kind == _MODEL:
                columns |= one.extras
            else:
                columns |= columns_of(series.kind, one.total, one.buckets)
    for series, columns in models.values():
        kinds = (columns.get(f"{kind}_tokens", 0.0) for kind in ("input", "output"))
        yield StoredSums(series, extras={**columns, "tokens": sum(kinds)})
