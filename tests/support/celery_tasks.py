"""A Celery application with a broker in a directory, whose tasks are counted."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery

import vitalspan as vs

broker = Path(os.environ["CELERY_DIRECTORY"])
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(broker),
    "data_folder_out": str(broker),
    "control_folder": str(broker),
}


@app.task  # type: ignore[untyped-decorator]
@vs.operation("work")
def work(number: int) -> None:
    """Create a file, so that a test knows that it has run."""
    (broker / f"done-{number}").touch()
