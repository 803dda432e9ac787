"""The node exporter's textfile collector as a sink."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from vitalspan.errors import ConfigurationError
from vitalspan.exposition.generate import generate_latest
from vitalspan.jobs.job_report import Families, JobReport

_READABLE: Final = 0o644
"""The node exporter runs as another user than the job."""

_LONGEST_NAME: Final = 200
"""The maximum number of bytes of the job's name in a file name; file systems allow 255."""


class Textfile:
    """Writes the metrics of a job to a file that the node exporter reads.

    The file is named `vitalspan_job_<name>.prom`. It is replaced atomically, so that the exporter
    never reads a partial file. Metrics that only earlier runs know are kept, such as the time of
    the last success after a failure.

    Args:
        directory: the directory of `--collector.textfile.directory`.

    Raises:
        ConfigurationError: for an invalid path.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        try:
            self._directory = Path(directory)
        except TypeError:
            raise ConfigurationError(
                f"textfile: {directory!r:.80} is not a path: give the directory that the node "
                "exporter reads"
            ) from None

    def __repr__(self) -> str:
        return f"Textfile({str(self._directory)!r})"

    @property
    def shown(self) -> str:
        """The directory."""
        return f"textfile directory {self._directory}"

    def started(self, report: JobReport) -> None:
        """Write that a run has started."""
        self._write(report)

    def finished(self, report: JobReport) -> None:
        """Write how a run has ended."""
        self._write(report)

    def forget(self, report: JobReport) -> None:
        """Remove the file of the job."""
        self._path(report.name).unlink(missing_ok=True)

    def _write(self, report: JobReport) -> None:
        path = self._path(report.name)
        registry = report.registry()
        known = {metric.name for metric in registry.collect()}
        earlier = [metric for metric in _read(path) if metric.name not in known]
        registry.register(Families(earlier))
        content = generate_latest(registry)
        # The exporter does not read a file with this name until it is complete.
        handle, temporary = tempfile.mkstemp(dir=self._directory, prefix=f".{path.stem[:50]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), _READABLE)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _path(self, job: str) -> Path:
        name = quote(job, safe=" ")
        if len(name) > _LONGEST_NAME:
            digest = hashlib.sha256(job.encode()).hexdigest()
            name = f"{name[:_LONGEST_NAME]}-{digest[:16]}"
        return self._directory / f"vitalspan_job_{name}.prom"


def _read(path: Path) -> Iterator[Metric]:
    """Yield the metrics in a file; none if it does not exist or is invalid."""
    try:
        yield from list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except Exception:  # noqa: BLE001 - a damaged file may break the parser in any way
        return
