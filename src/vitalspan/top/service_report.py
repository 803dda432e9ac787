"""A report on a running service, from the JSON API of its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from vitalspan.bridge.scrape.scrape_target import ScrapeError, get
from vitalspan.http_client.target import HttpTarget, shown
from vitalspan.reports.document import (
    Bullets,
    Cell,
    Document,
    Fact,
    Facts,
    Section,
    Tone,
    section,
    table,
)
from vitalspan.reports.figures import (
    NOTHING,
    count_text,
    date_text,
    rate_text,
    ratio_text,
    seconds_text,
    sentence,
)
from vitalspan.reports.sections.calls import error_tone
from vitalspan.top.instances import metrics_url
from vitalspan.top.json_fields import Fields, fields_of
from vitalspan.top.terminal_text import safe
from vitalspan.words import duration_words

MOST_OPERATIONS: Final = 100
"""The maximum number of rows in the table of operations, the busiest first."""

_METRICS: Final = "/metrics"
_JSON: Final = "application/json"
_TONES: Final[dict[str, Tone]] = {"healthy": "good", "degraded": "warning"}


class ServiceApi:
    """The JSON API of a service.

    Args:
        url: the URL of the service, of its page or of its metrics.
        timeout: the maximum number of seconds of a request.

    Raises:
        ConfigurationError: for an invalid URL.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        whole = metrics_url(url)
        HttpTarget("service", whole, timeout=timeout)
        self._url = urlsplit(whole)
        self._timeout = timeout

    def ask(self, name: str, query: str = "") -> Fields:
        """Return a document.

        Args:
            name: the name of the document.
            query: its parameters.

        Raises:
            ConfigurationError: for an invalid URL.
            ScrapeError: if it is not available.
        """
        base = self._url.path.rstrip("/").removesuffix(_METRICS)
        path = f"{base}/api/v1/{name}"
        url = urlunsplit(self._url._replace(path=path, query=query, fragment=""))
        try:
            return _document(HttpTarget("service", url, timeout=self._timeout), path)
        except ScrapeError as failed:
            where = shown(urlunsplit(self._url))
            raise ScrapeError(f"{where}: {safe(str(failed))}") from None


def _document(target: HttpTarget, path: str) -> Fields:
    answer = get(target, _JSON)
    if answer.status == 404:
        raise ScrapeError(f"has no {path}: use the address of a page of vitalspan")
    fields = fields_of(answer)
    if answer.status != 200:
        why = fields.text("error")
        raise ScrapeError(f"answered {answer.status}{why and f': {why}'}")
    if not fields:
        raise ScrapeError(
            f"{path} did not come from vitalspan: use the address of a page of vitalspan"
        )
    return fields


def service_report(api: ServiceApi, name: str, seconds: float) -> Document:
    """Return a report on a service.

    Args:
        api: the API of the service.
        name: the name of the service, for the title.
        seconds: the length of the period for the figures of operations.

    Raises:
        ConfigurationError: for an invalid URL.
        ScrapeError: if the service does not respond.
    """
    health = api.ask("health")
    operations = api.ask("operations", f"range={seconds:.0f}&limit={MOST_OPERATIONS}")
    alerts = api.ask("alerts", "limit=1")
    sections = (
        _health(health),
        _alerts(alerts.objects("active")),
        _operations(operations),
        _errors(operations),
        _advice(health),
    )
    notes = [sentence(operations.text("notice"))] if operations.text("notice") else []
    return Document(
        title=f"Report on {name}",
        subtitle=f"{date_text(operations.moment('at'))}, operations over {duration_words(seconds)}",
        sections=[one for one in sections if one is not None],
        notes=notes,
    )


def _health(document: Fields) -> Section | None:
    health = document.object("health")
    score, status = health.number("score"), health.text("status")
    text = "not known" if score is None else f"{score:.1f} of 100"
    return section(
        "Health",
        Facts(
            [Fact("score", text, status, _TONES.get(status, "bad" if score is not None else ""))]
        ),
        Bullets([(sentence(one), "") for one in health.texts("reasons")]),
        table(("component", ">score", "status"), _components(health)),
    )


def _advice(document: Fields) -> Section | None:
    texts = [
        f"{one.text('subject')}: {one.text('evidence')}; {one.text('suggestion')}."
        for one in document.objects("recommendations")
    ]
    return section("Recommendations", Bullets([(text, "") for text in texts]))


def _components(health: Fields) -> Iterator[list[Cell]]:
    for one in health.objects("components"):
        score, status = one.number("effective_score"), one.text("status")
        text = NOTHING if score is None else f"{score:.1f}"
        yield [Cell(one.text("component")), Cell(text), Cell(status, _TONES.get(status, ""))]


def _alerts(alerts: list[Fields]) -> Section | None:
    rows = [
        [
            Cell(one.text("state"), "bad" if one.text("state") == "firing" else ""),
            Cell(one.text("severity")),
            Cell(one.text("alertname")),
            Cell(date_text(one.moment("active_at"))),
            Cell(one.text("message")),
        ]
        for one in alerts
    ]
    return section("Alerts", table(("state", "severity", "alert", "since", "message"), rows))


def _operations(document: Fields) -> Section | None:
    rows = [_operation(one.object("figures")) for one in document.objects("operations")]
    total = document.number("total") or 0
    note = "" if total <= len(rows) else f"{len(rows)} of {count_text(total)} operations"
    titles = ("operation", "component", ">calls", ">rate", ">errors", ">p50", ">p95", ">p99")
    return section("Operations", table(titles, rows, note))


def _operation(figures: Fields) -> list[Cell]:
    ratio = figures.number("error_rate")
    durations = (seconds_text(figures.number(name)) for name in ("p50", "p95", "p99"))
    return [
        Cell(figures.text("operation")),
        Cell(figures.text("component")),
        Cell(count_text(figures.number("count") or 0.0)),
        Cell(rate_text(figures.number("throughput"))),
        Cell(ratio_text(ratio), error_tone(ratio)),
        *map(Cell, durations),
    ]


def _errors(document: Fields) -> Section | None:
    rows = [
        [
            Cell(figures.text("operation")),
            Cell(error.text("error_type")),
            Cell(count_text(error.number("count") or 0.0)),
            Cell(error.text("last_message")),
        ]
        for one in document.objects("operations")
        for figures in [one.object("figures")]
        for error in figures.objects("errors_by_type")
    ]
    return section("Errors", table(("operation", "type", ">calls", "last message"), rows))
