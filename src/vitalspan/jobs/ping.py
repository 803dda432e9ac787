"""A URL that is requested when a job starts and ends, as in cron monitoring services."""

from __future__ import annotations

import time
from urllib.parse import urlsplit, urlunsplit

from vitalspan.http_client.target import HttpTarget
from vitalspan.jobs.job_report import JobReport
from vitalspan.jobs.outcome import SUCCEEDED
from vitalspan.notify.json_client import JsonClient


class Ping:
    """Sends a POST to a URL when a run starts, succeeds and fails.

    The suffixes are those of Healthchecks. Each is appended to the URL's path, or to its query if
    it begins with `?` or `&`; None sends nothing. The body of the request is a JSON object with the
    fields of the report.

    Args:
        url: the URL of the check, which is a secret: messages only show its host.
        start: the suffix when a run starts.
        success: the suffix when it has succeeded.
        failure: the suffix when it has failed.
        timeout: the maximum number of seconds of each wait for the network.

    Raises:
        ConfigurationError: for an invalid URL.
    """

    def __init__(
        self,
        url: str,
        *,
        start: str | None = "/start",
        success: str | None = "",
        failure: str | None = "/fail",
        timeout: float = 5.0,
    ) -> None:
        self._shown = HttpTarget("ping", url).shown
        self._start, self._success, self._failure = (
            None
            if suffix is None
            else JsonClient(HttpTarget("ping", _with_suffix(url, suffix), timeout=timeout))
            for suffix in (start, success, failure)
        )

    def __repr__(self) -> str:
        return f"Ping({self._shown!r})"

    @property
    def shown(self) -> str:
        """The name in messages: the host, without the path, which is a secret."""
        return f"ping {self._shown}"

    def started(self, report: JobReport) -> None:
        """Report that a run has started."""
        self._send(self._start, report)

    def finished(self, report: JobReport) -> None:
        """Report how a run has ended."""
        succeeded = report.outcome == SUCCEEDED
        self._send(self._success if succeeded else self._failure, report)

    def forget(self, report: JobReport) -> None:
        """Do nothing, because the service at the URL manages its checks."""

    def _send(self, client: JsonClient | None, report: JobReport) -> None:
        if client is None:
            return
        document = {
            "job": report.name,
            "started": report.started,
            "finished": report.finished,
            "outcome": report.outcome,
            "exit_status": report.exit_status,
            "duration": report.duration,
        }
        known = {key: value for key, value in document.items() if value is not None}
        client.post(known, time.time())


def _with_suffix(url: str, suffix: str) -> str:
    if not suffix or suffix.startswith(("?", "&")):
        return url + suffix
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix))
