"""Joins the processes of a service, where the settings name their directory."""

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
    """Return this process as one of those of a service; None for a process by itself.

    Args:
        settings: of the monitor; `workers` is the directory, if there is one.
        recorder: the calls of this process.
        counts: what this process publishes.
        registry: has metrics of other sources, which are put together as well.

    Raises:
        ConfigurationError: on a system without locks of the kind that this needs.
    """
    if not settings.workers:
        _warn_of_several_processes()
        return None
    if sys.platform == "win32":
        raise ConfigurationError("workers: Windows has no locks of the kind that this needs")
    # Few processes have others beside them.
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
            "PROMETHEUS_MULTIPROC_DIR is set, and vitalspan does not put the metrics of several "
            "processes together for a monitor that is made without workers=: each process shows "
            "its own numbers"
        )
