"""Metrics of model calls: tokens by kind, cost, retries, durations and times to first token.

These are metrics of prometheus_client, because a model call takes seconds, not nanoseconds. So
workers, OTLP and rules handle them like all other metrics of the registry.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from prometheus_client import Counter, Histogram

from vitalspan import metrics as names
from vitalspan.labels import value_text
from vitalspan.metrics import COMPONENT, OVERFLOW, Family

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from vitalspan.config import Settings
    from vitalspan.recording.api_usage import ApiUsage

MAX_MODELS: Final = 100
"""The maximum number of models of all APIs; further ones are counted as `_overflow`."""

_MODEL: Final = (COMPONENT, "api", "model")

_DURATIONS: Final = tuple(0.01 * 2**power for power in range(14))
"""The boundaries in seconds that OpenTelemetry's generative AI conventions recommend."""

_TOKENS: Final = tuple(4**power for power in range(14))
"""The boundaries in tokens that the same conventions recommend."""

_COST: Final = ("cost",)
_RETRIES: Final = ("retries",)
_DURATION: Final = ("duration",)
_FIRST_TOKEN: Final = ("first_token",)

_GEN_AI: Final = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")

M = TypeVar("M", Counter, Histogram)


class _Metrics(NamedTuple):
    calls: Counter
    tokens: Counter
    cost: Counter
    retries: Counter
    duration: Histogram
    first_token: Histogram


class _Series(dict[tuple[str, ...], Any]):
    """The series of one model, by the field of the metrics and by a further label's value.

    Each is created when it is first counted in. Looking one up in prometheus_client takes about as
    long as counting in it.

    Args:
        metrics: the metrics.
        key: the component, the API and the model.
    """

    def __init__(self, metrics: _Metrics, key: tuple[str, str, str]) -> None:
        self.key = key
        self._metrics = metrics

    def __missing__(self, which: tuple[str, ...]) -> Any:
        field, *more = which
        return self.setdefault(which, getattr(self._metrics, field).labels(*self.key, *more))


class _GenAiMetrics(NamedTuple):
    tokens: Histogram
    duration: Histogram
    first_chunk: Histogram


class ModelUsage:
    """The metrics of model calls, created with the first such call.

    Args:
        registry: the registry of the metrics.
        settings: the settings of the monitor.
    """

    def __init__(self, registry: CollectorRegistry, settings: Settings) -> None:
        self._registry = registry
        self._prefix = settings.metric_prefix
        self._with_gen_ai = settings.gen_ai_metrics
        self._lock = threading.RLock()
        self._series: dict[tuple[str, str, str], _Series] = {}
        self._further: dict[tuple[str, str, str], _Series] = {}
        self._made: list[Counter | Histogram] = []
        self._own: _Metrics | None = None
        self._gen_ai: _GenAiMetrics | None = None

    def configure(self, settings: Settings) -> None:
        """Apply other settings; with another prefix, all metrics start over."""
        if settings.metric_prefix != self._prefix:
            self.leave()
        self._prefix = settings.metric_prefix
        self._with_gen_ai = settings.gen_ai_metrics

    def leave(self) -> None:
        """Unregister the metrics."""
        with self._lock:
            made, self._made = self._made, []
            self._own = self._gen_ai = None
            self._series.clear()
            self._further.clear()
            for one in made:
                # The owner of the registry may have removed it already.
                with suppress(KeyError):
                    self._registry.unregister(one)

    def reset(self) -> None:
        """Start over from zero, with a lock that no other thread can hold."""
        self._lock = threading.RLock()
        # With this variable, the values are in files of each process, which cannot be cleared and
        # need not be.
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            for one in self._made:
                one.clear()
        # Last, so that no other thread keeps a series that was cleared.
        self._series.clear()
        self._further.clear()

    def record(self, component: str, api: str, usage: ApiUsage) -> None:
        """Count one call."""
        key = (component, api, usage.model)
        series = self._series.get(key)
        if series is None:
            series = self._new_series(key)
        series["calls", "error" if usage.error_type else "ok"].inc()
        for kind, amount in zip(names.TOKEN_TYPES, usage[2:6], strict=True):
            if amount:
                series["tokens", kind].inc(amount)
        # They exist from the first call on, so that the first cost and retry are an increase.
        for which, amount in (_COST, usage.cost), (_RETRIES, usage.retries):
            one = series[which]
            if amount:
                one.inc(amount)
        if usage.duration is not None:
            series[_DURATION].observe(usage.duration)
        if usage.first_token is not None:
            series[_FIRST_TOKEN].observe(usage.first_token)
        if self._with_gen_ai:
            self._record_gen_ai(series.key, usage)

    def _record_gen_ai(self, key: tuple[str, str, str], usage: ApiUsage) -> None:
        metrics = self._gen_ai or self._make_gen_ai()
        labels = (value_text(usage.operation), key[1], key[2])
        for kind, amount in zip(names.TOKEN_TYPES[:2], usage[2:4], strict=True):
            if amount:
                metrics.tokens.labels(*labels, kind).observe(amount)
        if usage.duration is not None:
            metrics.duration.labels(*labels, usage.error_type).observe(usage.duration)
        if usage.first_token is not None:
            metrics.first_chunk.labels(*labels).observe(usage.first_token)

    def _new_series(self, key: tuple[str, str, str]) -> _Series:
        """Return the series of a model, or those of all further ones of its API."""
        with self._lock:
            own = self._own or self._make_own()
            if len(self._series) >= MAX_MODELS:
                overflow = (*key[:2], OVERFLOW)
                return self._further.setdefault(overflow, _Series(own, overflow))
            return self._series.setdefault(key, _Series(own, key))

    def _make_own(self) -> _Metrics:
        with self._lock:
            if self._own is None:
                self._own = _Metrics(
                    self._counter(names.API_MODEL_CALLS, (*_MODEL, "outcome")),
                    self._counter(names.API_MODEL_TOKENS, (*_MODEL, "token_type")),
                    self._counter(names.API_MODEL_COST, _MODEL),
                    self._counter(names.API_RETRIES, _MODEL),
                    self._histogram(names.API_DURATION, _MODEL, _DURATIONS),
                    self._histogram(names.API_FIRST_TOKEN, _MODEL, _DURATIONS),
                )
            return self._own

    def _make_gen_ai(self) -> _GenAiMetrics:
        with self._lock:
            if self._gen_ai is None:
                self._gen_ai = _GenAiMetrics(
                    self._histogram(names.GEN_AI_TOKENS, (*_GEN_AI, "gen_ai_token_type"), _TOKENS),
                    self._histogram(names.GEN_AI_DURATION, (*_GEN_AI, "error_type"), _DURATIONS),
                    self._histogram(names.GEN_AI_FIRST_CHUNK, _GEN_AI, _DURATIONS),
                )
            return self._gen_ai

    def _counter(self, family: Family, labels: Sequence[str]) -> Counter:
        return self._registered(Counter, family, labels)

    def _histogram(
        self, family: Family, labels: Sequence[str], boundaries: Sequence[float]
    ) -> Histogram:
        return self._registered(Histogram, family, labels, buckets=boundaries)

    def _registered(
        self, kind: type[M], family: Family, labels: Sequence[str], **options: Any
    ) -> M:
        name = self._prefix + family.name
        metric = kind(
            name, family.help, labels, unit=family.unit, registry=self._registry, **options
        )
        self._made.append(metric)
        return metric
