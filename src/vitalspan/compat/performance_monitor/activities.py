"""Downloads, parsing and generation, as the wiki monitor recorded and reported them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from vitalspan.compat.finished_calls import record_call
from vitalspan.compat.performance_monitor.records import MIB
from vitalspan.monitor import Monitor
from vitalspan.statistics.call_statistics import CallStatistics

DOWNLOAD: Final = "download"
PARSING: Final = "parsing"
GENERATION: Final = "generation"

_SOURCES: Final = {"wiki": "wiki_data", "fallback": "fallback_data", "hardcoded": "hardcoded_data"}
"""What the sources of data are called in reports."""

_FAILED: Final = "it did not succeed"


class Activities:
    """Records and reports what the wiki monitor was about.

    Args:
        monitor: that counts it.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def download(
        self, url: str, duration: float, *, success: bool, file_size: float, status_code: int | None
    ) -> None:
        """Count a download.

        Args:
            url: of the file; only its host becomes a label.
            duration: seconds.
            success: whether it succeeded.
            file_size: bytes.
            status_code: of the response.
        """
        try:
            host = urlsplit(str(url)).hostname or ""
        except ValueError:
            host = ""
        labels = {"host": host, "status": "" if status_code is None else str(status_code)}
        self._record(DOWNLOAD, duration, labels, {"bytes": file_size}, success=success)

    def parsing(self, content_type: str, duration: float, *, success: bool, items: float) -> None:
        """Count the parsing of a document."""
        labels = {"content_type": content_type}
        self._record(PARSING, duration, labels, {"items": items}, success=success)

    def generation(self, source: str, duration: float, *, success: bool) -> None:
        """Count the generation of a document from a source of data."""
        self._record(GENERATION, duration, {"data_source": source}, {}, success=success)

    def downloads(self, window: float | None) -> dict[str, Any]:
        """Return the report on downloads."""
        whole = self._read(DOWNLOAD, window)
        done = self._read(DOWNLOAD, window, outcome="success")
        seconds, size = done.total, done.measures.get("bytes", 0.0)
        return {
            "total_downloads": whole.count,
            "successful_downloads": whole.count - whole.errors,
            "failed_downloads": whole.errors,
            "success_rate": _success_rate(whole),
            "average_download_speed_mbps": size / MIB / seconds if seconds > 0 else 0.0,
            "average_duration_seconds": whole.mean or 0.0,
            "fastest_download": whole.min or 0.0,
            "slowest_download": whole.max or 0.0,
        }

    def parsings(self, window: float | None) -> dict[str, dict[str, Any]]:
        """Return the report on parsing, by content type."""
        report = {}
        for content_type in self._values(PARSING, "content_type"):
            one = self._read(PARSING, window, content_type=content_type)
            if one.count:
                items = one.measures.get("items", 0.0)
                report[content_type] = {
                    "total_operations": one.count,
                    "successful_operations": one.count - one.errors,
                    "success_rate": _success_rate(one),
                    "total_items_parsed": items,
                    "average_parsing_speed_items_per_sec": items / one.total if one.total else 0.0,
                    "average_duration": one.mean or 0.0,
                }
        return report

    def generations(self, window: float | None) -> dict[str, Any]:
        """Return the report on generation, by source of data."""
        whole = self._read(GENERATION, window)
        report: dict[str, Any] = {"total_generations": whole.count}
        others = [one for one in self._values(GENERATION, "data_source") if one not in _SOURCES]
        for source in (*_SOURCES, *others):
            one = self._read(GENERATION, window, data_source=source)
            report[f"{_SOURCES.get(source, source)}_performance"] = {
                "count": one.count,
                "success_rate": _success_rate(one),
                "avg_duration": one.mean or 0.0,
            }
        report["overall_success_rate"] = _success_rate(whole)
        return report

    def _record(
        self,
        operation: str,
        duration: float,
        labels: dict[str, str],
        measures: dict[str, float],
        *,
        success: bool,
    ) -> None:
        outcome = "success" if success else "failure"
        record_call(
            self._monitor,
            operation,
            duration,
            error=None if success else _FAILED,
            labels={**labels, "outcome": outcome},
            measures={name: amount for name, amount in measures.items() if amount},
        )

    def _read(self, operation: str, window: float | None, **labels: str) -> CallStatistics:
        return self._monitor.statistics.operation(operation, labels=labels, window=window)

    def _values(self, operation: str, label: str) -> list[str]:
        every = self._monitor._counts.all_series()  # noqa: SLF001 - of the same package
        found = (dict(one.labels).get(label, "") for one in every if one.operation == operation)
        return sorted({value for value in found if value})


def _success_rate(calls: CallStatistics) -> float:
    return (calls.count - calls.errors) / calls.count if calls.count else 0.0
