"""The Pushgateway as a sink."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client.exposition import (
    default_handler,
    delete_from_gateway,
    pushadd_to_gateway,
)

from vitalspan.errors import ConfigurationError
from vitalspan.http_client.target import HttpTarget
from vitalspan.jobs.job_report import JobReport
from vitalspan.labels import check_name, value_text

_Headers = list[tuple[str, str]]


class Pushgateway:
    """Pushes the metrics of a job to a Pushgateway, into a group of its own.

    A push is a POST, which only replaces the metrics that it contains. So a run that fails leaves
    the time of the last success unchanged.

    Args:
        url: the URL of the gateway, such as `http://pushgateway:9091`, optionally with credentials.
        labels: labels of the group in addition to `job`, the name of the job. Any values are
            possible; those with slashes are encoded in base64.
        timeout: the maximum number of seconds of each wait for the network.

    Raises:
        ConfigurationError: for an invalid URL or label.
    """

    def __init__(
        self, url: str, *, labels: Mapping[str, object] | None = None, timeout: float = 5.0
    ) -> None:
        self._target = HttpTarget("Pushgateway", url, timeout=timeout)
        self._labels: dict[str, str] = {}
        for name, value in (labels or {}).items():
            check_name(name, "label")
            if name == "job":
                raise ConfigurationError(
                    "Pushgateway: the label job is set to the name of the job: leave it out "
                    "of labels"
                )
            self._labels[name] = value_text(value)

    def __repr__(self) -> str:
        return f"Pushgateway({self._target.shown!r})"

    @property
    def shown(self) -> str:
        """The URL of the gateway without secrets."""
        return f"Pushgateway {self._target.shown}"

    def started(self, report: JobReport) -> None:
        """Push that a run has started."""
        self._push(report)

    def finished(self, report: JobReport) -> None:
        """Push how a run has ended."""
        self._push(report)

    def forget(self, report: JobReport) -> None:
        """Delete the group of the job."""
        delete_from_gateway(
            self._url, report.name, self._labels, self._target.timeout, self._handler
        )

    def _push(self, report: JobReport) -> None:
        pushadd_to_gateway(
            self._url,
            report.name,
            report.registry(),
            self._labels,
            self._target.timeout,
            self._handler,
        )

    @property
    def _url(self) -> str:
        return self._target.absolute(self._target.selector).rstrip("/")

    def _handler(
        self,
        url: str,
        method: str,
        timeout: float | None,
        headers: Sequence[tuple[str, str]],
        data: bytes,
    ) -> Callable[[], None]:
        more: dict[str, Any] = {
            name: value
            for name, value in self._target.headers.items()
            if name in ("Authorization", "User-Agent")
        }
        return default_handler(url, method, timeout, [*headers, *more.items()], data)
