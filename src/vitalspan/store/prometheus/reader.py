"""Reads a history from a Prometheus, with the same sums as from a store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from vitalspan.metrics import COMPONENT
from vitalspan.promql.matchers import Matcher
from vitalspan.store.call_selection import EVERY_CALL, CallSelection
from vitalspan.store.errors import StoreError
from vitalspan.store.prometheus.address import parse_address
from vitalspan.store.prometheus.client import PrometheusClient
from vitalspan.store.prometheus.growth_table import GrowthTable
from vitalspan.store.prometheus.model_sums import with_whole_models
from vitalspan.store.prometheus.queries import (
    CACHES_AND_APIS,
    CALLS,
    MODEL_CALLS,
    MODELS,
    RESOURCES,
    QueryBuilder,
    Question,
)
from vitalspan.store.reader import StoredPeriod
from vitalspan.store.stored_sums import StoredSums

_LOOKS: Final = 96
"""The number of times at which the beginning of the history is searched."""

_MOST_MEASURES: Final = 50
"""The maximum number of measures to query."""

_BUCKETS_EACH: Final = 24
"""The approximate number of series of a histogram."""


class PrometheusReader:
    """Reads the history in a Prometheus, Thanos or Mimir.

    Counts come from `increase`, so they are rounded, and counts from before the first scrape of a
    process are missing.

    Args:
        url: the URL of the server, as in `parse_address`.
        prefix: the prefix of the metric names.
        environ: the environment, which may have a token.

    Attributes:
        name: the name of the server for people, without a password.
        builder: builds the queries.
        scrape_interval: the seconds between two samples of a series.

    Raises:
        ConfigurationError: for an invalid URL.
    """

    def __init__(self, url: str, prefix: str = "", environ: Mapping[str, str] = os.environ) -> None:
        address = parse_address(url, environ)
        self._client = PrometheusClient(address.target)
        self.builder = QueryBuilder(prefix, address.matchers)
        self.name = address.target.shown
        self.scrape_interval = address.scrape_interval

    @property
    def warnings(self) -> list[str]:
        """The distinct warnings from the server."""
        return list(self._client.warnings)

    def period(self, start: float, end: float, selection: CallSelection) -> StoredPeriod:
        """Return the sums of a period.

        Args:
            start: the start in seconds since the Unix epoch.
            end: the end in seconds since the Unix epoch.
            selection: the calls; caches and APIs are included unless it names an operation.

        Raises:
            StoreError: if the server does not respond, or refuses a query.
        """
        start = self.first(start, end)
        if start >= end:
            return StoredPeriod(end, end, [])
        questions = [*CALLS, *RESOURCES, *self._measures(start, end)]
        if selection.operation is None:
            questions += CACHES_AND_APIS
        named = tuple(name for name, _ in selection.labels)
        table = GrowthTable()

        def ask(question: Question) -> bool:
            if question.kind == "operation":
                question = question._replace(by=(*question.by, *named))
            query = self.builder.growth(question, end - start, _matchers(question, selection))
            result = self._client.instant(query, end)
            table.add(question, result)
            return bool(result)

        for question in questions:
            ask(question)
        if selection.operation is None and ask(MODEL_CALLS):
            for question in MODELS:
                ask(question)
        sums = (one for time in table.times() for one in table.at(time))
        return StoredPeriod(start, end, list(with_whole_models(sums)))

    def points(
        self,
        step: float,
        start: float,
        end: float,
        selection: CallSelection = EVERY_CALL,
        *,
        by: Sequence[str] | None = None,
        more: Iterable[Matcher] = (),
    ) -> Iterator[tuple[float, list[StoredSums]]]:
        """Yield the sums of each interval of a length, with the start of the interval.

        Args:
            step: the length in seconds.
            start: the start of the first interval, in seconds since the Unix epoch.
            end: the latest end of an interval.
            selection: the calls.
            by: the labels that identify series; by default component and operation.
            more: further matchers of the series.

        Raises:
            StoreError: if the server does not respond, or refuses a query.
        """
        questions = [
            question if by is None else question._replace(by=tuple(by)) for question in CALLS
        ]
        series = 1 if by == () else self.operations(start, end, selection)
        matchers, table = tuple(more), GrowthTable()
        # All queries about one part of the time come before those about the next part.
        parts = [
            self._client.range(
                self.builder.growth(question, step, (*_matchers(question, selection), *matchers)),
                start + step,
                end,
                step,
                series=series * _BUCKETS_EACH,
            )
            for question in questions
        ]
        for results in zip(*parts, strict=True):
            table = GrowthTable()
            for question, result in zip(questions, results, strict=True):
                table.add(question, result)
            for time in table.times():
                yield time - step, list(table.at(time))

    def values(self, promql: str, start: float, end: float, step: float) -> dict[float, float]:
        """Return the values of a query with at most one series, by their times.

        Args:
            promql: the query.
            start: the first time, in seconds since the Unix epoch.
            end: the last time.
            step: the seconds between two times.

        Raises:
            StoreError: if the server does not respond, or refuses the query.
        """
        found: dict[float, float] = {}
        for result in self._client.range(promql, start, end, step):
            for series in result:
                found |= series.points
        return found

    def rows(
        self, promql: str, start: float, end: float, step: float
    ) -> Iterator[tuple[dict[str, str], list[tuple[float, float]]]]:
        """Yield the series of a query over time, each with its points.

        A long range is queried in parts, so that a series may occur several times.

        Raises:
            StoreError: if the server does not respond, or refuses the query.
        """
        for result in self._client.range(promql, start, end, step):
            for series in result:
                yield series.labels, series.points

    def first(self, start: float, end: float) -> float:
        """Return when the history begins, between two times; the later one if there is no history.

        The result is accurate to a ninety-sixth of the range.

        Raises:
            StoreError: if the server does not respond, or refuses the query.
        """
        step = max(self.scrape_interval, (end - start) / _LOOKS)
        query = self.builder.operations(step)
        there = self.values(query, min(start + step, end), end, step)
        return max(start, min(there) - step) if there else end

    def operations(self, start: float, end: float, selection: CallSelection = EVERY_CALL) -> int:
        """Return the number of operations between two times.

        Raises:
            StoreError: if the server does not respond, or refuses the query.
        """
        matchers = (Matcher(name, "=", value) for name, value in selection.pairs())
        query = self.builder.operations(end - start, matchers)
        result = self._client.instant(query, end)
        return int(result[0].points[0][1]) if result and result[0].points else 0

    def _measures(self, start: float, end: float) -> list[Question]:
        found = self._client.names(self.builder.measures(), start, end)
        questions = list(self.builder.measure_questions(sorted(found)))
        if len(questions) > _MOST_MEASURES:
            raise StoreError(
                f"{self.name}: {len(questions)} measures are more than {_MOST_MEASURES}: name "
                "labels in the URL, as in ?job=shop"
            )
        return questions


def _matchers(question: Question, selection: CallSelection) -> Iterator[Matcher]:
    """Yield the matchers of a selection for series of a kind."""
    for name, value in selection.pairs():
        if question.kind == "operation" or name == COMPONENT:
            yield Matcher(name, "=", value)
