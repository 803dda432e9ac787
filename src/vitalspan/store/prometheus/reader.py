"""The reader of a history that a Prometheus has, with the sums that a store would return."""

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
from vitalspan.store.prometheus.queries import (
    CACHES_AND_APIS,
    CALLS,
    RESOURCES,
    QueryBuilder,
    Question,
)
from vitalspan.store.reader import StoredPeriod, StoredSums

_LOOKS: Final = 96
"""Times at which it is looked whether a service was there yet."""

_MOST_MEASURES: Final = 50
"""Measures that are asked about at most."""

_BUCKETS_EACH: Final = 24
"""Series of a histogram, roughly."""


class PrometheusReader:
    """Reads a history that a Prometheus, Thanos or Mimir has.

    Counts are what `increase` says of a period, so they are rounded, and what a process counted
    before its first scrape is not among them.

    Args:
        url: of the server, as `parse_address` takes it.
        prefix: before the names of the metrics.
        environ: the environment, where a token may be.

    Attributes:
        name: of the server for people, without a password.
        builder: writes its queries.
        scrape_interval: the seconds between two samples of a series.

    Raises:
        ConfigurationError: for a URL that cannot be used.
    """

    def __init__(self, url: str, prefix: str = "", environ: Mapping[str, str] = os.environ) -> None:
        address = parse_address(url, environ)
        self._client = PrometheusClient(address.target)
        self.builder = QueryBuilder(prefix, address.matchers)
        self.name = address.target.shown
        self.scrape_interval = address.scrape_interval

    @property
    def warnings(self) -> list[str]:
        """What the server has warned of, once each."""
        return list(self._client.warnings)

    def period(self, start: float, end: float, selection: CallSelection) -> StoredPeriod:
        """Return the sums of a period.

        Args:
            start: in seconds since the Unix epoch.
            end: the same.
            selection: the calls; caches and APIs are there as well unless it names an operation.

        Raises:
            StoreError: where the server does not respond, or refuses a query.
        """
        start = self.first(start, end)
        if start >= end:
            return StoredPeriod(end, end, [])
        questions = [*CALLS, *RESOURCES, *self._measures(start, end)]
        if selection.operation is None:
            questions += CACHES_AND_APIS
        named = tuple(name for name, _ in selection.labels)
        table = GrowthTable()
        for question in questions:
            if question.kind == "operation":
                question = question._replace(by=(*question.by, *named))  # noqa: PLW2901
            query = self.builder.growth(question, end - start, _matchers(question, selection))
            table.add(question, self._client.instant(query, end))
        sums = [one for time in table.times() for one in table.at(time)]
        return StoredPeriod(start, end, sums)

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
        """Yield the sums of each interval of a length, with the time at which it begins.

        Args:
            step: the length in seconds.
            start: of the first interval, in seconds since the Unix epoch.
            end: up to which intervals end.
            selection: the calls.
            by: the labels that tell series apart; by default component and operation.
            more: further conditions that the series fulfil.

        Raises:
            StoreError: where the server does not respond, or refuses a query.
        """
        questions = [
            question if by is None else question._replace(by=tuple(by)) for question in CALLS
        ]
        series = 1 if by == () else self.operations(start, end, selection)
        matchers, table = tuple(more), GrowthTable()
        # All questions are about one part of the time before the next one is asked about.
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
        """Return the values of a query that has one series at most, by their time.

        Args:
            promql: the query.
            start: the first time, in seconds since the Unix epoch.
            end: the last one.
            step: the seconds between two.

        Raises:
            StoreError: where the server does not respond, or refuses the query.
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

        A long time is asked about in parts, so that a series may come several times.

        Raises:
            StoreError: where the server does not respond, or refuses the query.
        """
        for result in self._client.range(promql, start, end, step):
            for series in result:
                yield series.labels, series.points

    def first(self, start: float, end: float) -> float:
        """Return from when on there is a history, between two times; the later one without any.

        It is known to a ninety-sixth of the time.

        Raises:
            StoreError: where the server does not respond, or refuses the query.
        """
        step = max(self.scrape_interval, (end - start) / _LOOKS)
        query = self.builder.operations(step)
        there = self.values(query, min(start + step, end), end, step)
        return max(start, min(there) - step) if there else end

    def operations(self, start: float, end: float, selection: CallSelection = EVERY_CALL) -> int:
        """Return how many operations there were between two times.

        Raises:
            StoreError: where the server does not respond, or refuses the query.
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
    """Yield the conditions that a selection makes for series of a kind."""
    for name, value in selection.pairs():
        if question.kind == "operation" or name == COMPONENT:
            yield Matcher(name, "=", value)
