"""A Celery application whose tasks end in every way."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from celery import Celery
from celery.exceptions import Reject
from celery.signals import worker_init
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import TracerProvider

import vitalspan as vs
from vitalspan.integrations.celery import instrument

trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))

app = Celery("shop", broker=os.environ["BROKER"])
app.conf.task_acks_late = False
app.conf.worker_prefetch_multiplier = 1
app.conf.broker_connection_retry_on_startup = True
app.conf.task_routes = {"support.celery_shop.mail": {"queue": "mail"}}
instrument(app, exclude=["support.celery_shop.excluded"])

DONE = Path(os.environ["DONE"])


@worker_init.connect
def serve_metrics(**_: object) -> None:
    """Serve the metrics of all processes from the main one, and print the address."""
    (DONE / "url").write_text(vs.start_http_server(port=0).url)


@app.task
def order(number: int) -> None:
    """Succeed, and count something."""
    vs.current_call().add("rows", number)


@app.task
def mail() -> None:
    """Write its trace id and its tenant to a file."""
    span = trace.get_current_span().get_span_context()
    (DONE / "trace").write_text(f"{span.trace_id:032x} {baggage.get_baggage('tenant')}")


@app.task
def excluded() -> None:
    """A task that is not recorded."""


@app.task
def fail() -> None:
    """Fail."""
    raise ValueError("no such order")


@app.task(bind=True, max_retries=5, default_retry_delay=0)
def again(self: object) -> None:
    """Succeed at the third attempt."""
    if self.request.retries < 2:  # type: ignore[attr-defined]
        raise self.retry(exc=OSError("later"))  # type: ignore[attr-defined]


@app.task(acks_late=True)
def reject() -> None:
    """Reject the message."""
    raise Reject("not here", requeue=False)


@app.task(soft_time_limit=1)
def slow() -> None:
    """Take longer than the soft limit."""
    time.sleep(60)


@app.task(time_limit=1)
def stuck() -> None:
    """Take longer than the hard limit."""
    time.sleep(60)


@app.task
def leave() -> None:
    """End the process that it runs in."""
    sys.exit(3)


@app.task
def unwanted() -> None:
    """Run until revoked."""
    (DONE / "unwanted").touch()
    time.sleep(60)


@app.task
def last() -> None:
    """Report that all earlier tasks were received."""
    (DONE / "last").touch()
