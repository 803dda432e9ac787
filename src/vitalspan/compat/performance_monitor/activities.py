"""Downloads, parsing and generation, as in the wiki monitor."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from vitalspan.compat.awaitable_result import NOTHING, AwaitableResult
from vitalspan.compat.performance_monitor.records import MIB
from vitalspan.compat.record_call import record_call
from vitalspan.metrics import OPERATION
from vitalspan.monitor import Monitor
from vitalspan.statistics.call_statistics import CallStatistics

DOWNLOAD: Final = "download"
PARSING: Final = "parsing"
GENERATION: Final = "generation"

_SOURCES: Final = {"wiki": "wiki_data", "fallback": "fallback_data", "hardcoded": "hardcoded_data"}
"""The names of data sources in reports."""

_FAILED: Final = "no error was given"


class Activities:
    """The records and reports of the wiki monitor.

    Attributes:
        monitor: the monitor that counts.
    """

    monitor: Monitor

    def record_download_metrics(
        self,
        url: str,
        duration: float,
        success: bool = True,  # noqa: FBT001, FBT002 - as it was
        file_size: float = 0,
        status_code: int | None = None,
    ) -> AwaitableResult[None]:
        """Count a download. It may be awaited.

        Args:
            url: the URL of the file; only its host becomes a label.
            duration: the duration in seconds.
            success: whether it succeeded.
            file_size: the size in bytes.
            status_code: the status of the response.
        """
        try:
            host = urlsplit(str(url)).hostname or ""
        except ValueError:
            host = ""
        labels = {"host": host, "status": "" if status_code is None else str(status_code)}
        return self._record(DOWNLOAD, duration, labels, {"bytes": file_size}, success=success)

    def record_parsing_metrics(
        self,
        content_type: str,
        duration: float,
        success: bool = True,  # noqa: FBT001, FBT002 - as it was
        items_parsed: float = 0,
    ) -> AwaitableResult[None]:
        """Count the parsing of a document: seconds, and the items in it. It may be awaited."""
        labels, items = {"content_type": content_type}, {"items": items_parsed}
        return self._record(PARSING, duration, labels, items, success=success)

    def record_generation_metrics(
        self,
        data_source: str,
        duration: float,
        success: bool = True,  # noqa: FBT001, FBT002 - as it was
    ) -> AwaitableResult[None]:
        """Count the generation of a document from a source: `wiki`, `fallback` or `hardcoded`."""
        labels = {"data_source": data_source}
        return self._record(GENERATION, duration, labels, {}, success=success)

    def get_download_performance_report(self, hours: float | None = None) -> dict[str, Any]:
        """Return the report on downloads, since the start or over some hours."""
        window = _seconds(hours)
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

    def get_parsing_performance_report(self, hours: float | None = None) -> dict[str, Any]:
        """Return the report on parsing by content type, since the start or over some hours."""
        window = _seconds(hours)
        report = {}
        for content_type in self._label_values(PARSING, "content_type", window):
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

    def get_generation_performance_report(self, hours: float | None = None) -> dict[str, Any]:
        """Return the report on generation by source, since the start or over some hours."""
        window = _seconds(hours)
        whole = self._read(GENERATION, window)
        report: dict[str, Any] = {"total_generations": whole.count}
        sources = self._label_values(GENERATION, "data_source", window)
        others = [one for one in sources if one not in _SOURCES]
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
    ) -> AwaitableResult[None]:
        outcome = "success" if success else "failure"
        record_call(
            self.monitor,
            operation,
            duration,
            error=None if success else _FAILED,
            labels={**labels, "outcome": outcome},
            measures={name: amount for name, amount in measures.items() if amount},
        )
        return NOTHING

    def _read(self, operation: str, window: float | None, **labels: str) -> CallStatistics:
        return self.monitor.statistics.operation(operation, labels=labels, window=window)

    def _label_values(self, operation: str, label: str, window: float | None) -> list[str]:
        every = self.monitor._counts.all_series()  # noqa: SLF001 - of the same package
        found = {dict(one.labels).get(label, "") for one in every if one.operation == operation}
        reader = self.monitor._store_reader()  # noqa: SLF001 - of the same package
        if window is not None and reader is not None:
            # These include labels from before the last restart.
            for series in reader.series():
                if series.labels.get(OPERATION) == operation:
                    found.add(series.labels.get(label, ""))
        return sorted(filter(None, found))


def _success_rate(calls: CallStatistics) -> float:
    return (calls.count - calls.errors) / calls.count if calls.count else 0.0


def _seconds(hours: float | None) -> float | None:
    return None if hours is None else hours * 3600.0
