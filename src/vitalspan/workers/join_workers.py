"""Joins the processes of a service, if the settings name their directory."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from vitalspan.errors import ConfigurationError
from vitalspan.runtime.internal_errors import logger

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from vitalspan.config import Settings
    from vitalspan.recording.counts import ProcessCounts
    from vitalspan.recording.recorder import Recorder
    from vitalspan.workers.workers import Workers

_warned: list[str] = []


def join_workers(
    settings: Settings,
    recorder: Recorder,
    counts: ProcessCounts,
    registry: CollectorRegistry,
) -> Workers | None:
    """Return this process as a member of its service; None if it is the only process.

    Args:
        settings: the settings of the monitor; `workers` is the directory, if there is one.
        recorder: the recorder of this process.
        counts: the counts that this process publishes.
        registry: the registry with metrics of other sources, which are merged as well.

    Raises:
        ConfigurationError: on a system without the necessary file locks.
    """
    if not settings.workers:
        _warn_of_several_processes()
        return None
    if sys.platform == "win32":
        raise ConfigurationError(
            "workers: not supported on Windows, which lacks the necessary file locks"
        )
    # Imported here, because few services have several processes.
    from pathlib import Path  # noqa: PLC0415

    from vitalspan.workers.workers import Workers  # noqa: PLC0415

    return Workers(
        Path(settings.workers),
        settings.publish_interval,
        counts,
        recorder.recent,
        lambda: list(recorder.slow),
        registry=registry,
    )


def _warn_of_several_processes() -> None:
    """Log once that the metrics of several processes are not combined."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory and directory not in _warned:
        _warned.append(directory)
        logger.warning(
            "PROMETHEUS_MULTIPROC_DIR is set, but workers= is not, so vitalspan does not "
            "combine the "
            "metrics of several processes, and each process shows its own: set workers= or "
            "VITALSPAN_WORKERS to a directory"
        )
