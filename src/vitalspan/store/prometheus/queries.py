"""The queries about a history, and the part of a stored series that each result belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from vitalspan import metrics as names
from vitalspan.history.operation_series import ERROR_COLUMN, MEASURE_COLUMN
from vitalspan.promql.expression import Aggregation, VectorSelector, call
from vitalspan.promql.matchers import Matcher
from vitalspan.recording.model_amounts import DURATION, FIRST_TOKEN
from vitalspan.units import range_text

BUCKETS: Final = "buckets"
NATIVE: Final = "native"
TOTAL: Final = "total"
"""The columns that are not extras."""

_OF_OPERATION: Final = (names.COMPONENT, names.OPERATION)


class Question(NamedTuple):
    """A query, and the meaning of its result.

    Attributes:
        kind: the kind of the series: `operation`, `cache`, `api` or `model`; `duration` or
            `first_token` for the durations of a model.
        metric: the name of the sample, without the prefix.
        column: the column; a label in braces stands for its value, as in `error:{error_type}`.
        by: the labels that identify the series.
        more: further labels of the result.
    """

    kind: str
    metric: str
    column: str
    by: tuple[str, ...]
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class QueryBuilder:
    """Builds queries.

    Attributes:
        prefix: the prefix of the metric names.
        matchers: matchers for all series.
    """

    prefix: str
    matchers: tuple[Matcher, ...]

    def growth(self, question: Question, seconds: float, more: Iterable[Matcher] = ()) -> str:
        """Return the query for the increase within some seconds."""
        matchers = (*self.matchers, *more)
        selector = VectorSelector(self.prefix + question.metric, matchers, range_text(seconds))
        labels = (*question.by, *question.more)
        return str(Aggregation("sum", labels, call("increase", selector)))

    def operations(self, seconds: float, more: Iterable[Matcher] = ()) -> str:
        """Return the query for the number of operations within some seconds."""
        matchers = (*self.matchers, *more)
        metric = self.prefix + names.OPERATION_IN_PROGRESS.name
        there = call("present_over_time", VectorSelector(metric, matchers, range_text(seconds)))
        return str(call("count", Aggregation("count", _OF_OPERATION, there)))

    def series(self, metric: str, *, over: str = "") -> VectorSelector:
        """Return the selector of a metric's series.

        Args:
            metric: the name without the prefix.
            over: the range of a range vector, in PromQL's syntax.
        """
        return VectorSelector(self.prefix + metric, self.matchers, over)

    def measures(self) -> str:
        """Return the selector of metrics that may be measures."""
        names_matcher = Matcher("__name__", "=~", f"{self.prefix}operation_.+_total")
        return str(VectorSelector("", (names_matcher, *self.matchers)))

    def measure_questions(self, metrics: Iterable[str]) -> Iterator[Question]:
        """Yield the questions about measures, from the names of metrics."""
        for metric in metrics:
            bare = metric.removeprefix(self.prefix)
            measure = bare.removeprefix("operation_").removesuffix("_total")
            if bare not in _NO_MEASURES and names.measure(measure).name == bare:
                yield Question("operation", bare, MEASURE_COLUMN + measure, _OF_OPERATION)


CALLS: Final = (
    Question("operation", names.DURATION_BUCKET, BUCKETS, _OF_OPERATION, ("le",)),
    Question("operation", names.OPERATION_DURATION.name, NATIVE, _OF_OPERATION),
    Question("operation", names.DURATION_SUM, TOTAL, _OF_OPERATION),
    Question(
        "operation",
        names.OPERATION_ERRORS.name,
        ERROR_COLUMN + "{error_type}",
        _OF_OPERATION,
        (names.ERROR_TYPE,),
    ),
    Question("operation", names.OPERATION_CANCELLATIONS.name, "cancellations", _OF_OPERATION),
)
"""The questions about calls."""

RESOURCES: Final = (
    Question("operation", names.OPERATION_CPU.name, "cpu_seconds", _OF_OPERATION),
    Question("operation", names.OPERATION_MEMORY_GROWTH.name, "memory_growth", _OF_OPERATION),
)
"""The questions about the resources of calls."""

_CACHE: Final = (names.COMPONENT, "cache")
_API: Final = (names.COMPONENT, "api")

CACHES_AND_APIS: Final = (
    Question("cache", names.CACHE_REQUESTS.name, "{result}", _CACHE, ("result",)),
    Question("api", names.API_CALLS.name, "{outcome}", _API, ("outcome",)),
    Question("api", names.API_TOKENS.name, "tokens", _API),
    Question("api", names.API_COST.name, "cost", _API),
)
"""The questions about caches and APIs."""

_MODEL: Final = (*_API, "model")

MODEL_CALLS: Final = Question(
    "model", names.API_MODEL_CALLS.name, "{outcome}", _MODEL, ("outcome",)
)
"""The question about calls to models. Without any, the following ones are not asked."""


def _durations(kind: str, metric: str) -> tuple[Question, ...]:
    return (
        Question(kind, f"{metric}_bucket", BUCKETS, _MODEL, ("le",)),
        Question(kind, metric, NATIVE, _MODEL),
        Question(kind, f"{metric}_sum", TOTAL, _MODEL),
    )


MODELS: Final = (
    Question("model", names.API_MODEL_TOKENS.name, "{token_type}_tokens", _MODEL, ("token_type",)),
    Question("model", names.API_MODEL_COST.name, "cost", _MODEL),
    Question("model", names.API_RETRIES.name, "retries", _MODEL),
    *_durations(DURATION, names.API_DURATION.name),
    *_durations(FIRST_TOKEN, names.API_FIRST_TOKEN.name),
)
"""The other questions about models."""

_NO_MEASURES: Final = frozenset(question.metric for question in (*CALLS, *RESOURCES))

RENAMED: Final = {"hit": "hits", "miss": "misses", "ok": "oks", "error": "errors"}
"""The columns of caches and APIs in a store, by the value of their label."""
