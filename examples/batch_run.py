"""A batch run, which ends before Prometheus could scrape it.

Run: python examples/batch_run.py nightly_import.prom
 or: PUSHGATEWAY=http://127.0.0.1:9091 python examples/batch_run.py

A file in the right folder is read by node_exporter's textfile collector.
"""

import os
import sys
from collections.abc import Iterator

from prometheus_client import REGISTRY, Gauge, push_to_gateway, write_to_textfile

import vitalspan as vs

last_success = Gauge("nightly_import_last_success_timestamp_seconds", "When a run last succeeded.")


@vs.operation("read_rows")  # timed from the first row to the last
def read_rows() -> Iterator[str]:
    for number in range(1000):
        yield f"{number},{number * number}"


@vs.operation("save_rows", labels={"table": vs.argument("table")})
def save_rows(table: str, rows: list[str]) -> None:
    vs.current_call().add("rows", len(rows))


def main() -> None:
    try:
        with vs.operation("nightly_import", resources=True) as run:
            rows = list(read_rows())
            run.add("bytes", sum(map(len, rows)))
            save_rows("squares", rows)
        last_success.set_to_current_time()
    finally:
        # A run that failed is shown as well: operation_errors_total has what was raised.
        gateway = os.environ.get("PUSHGATEWAY")
        if gateway:
            push_to_gateway(gateway, job="nightly_import", registry=REGISTRY)
        else:
            file = sys.argv[1] if len(sys.argv) > 1 else "nightly_import.prom"
            write_to_textfile(file, REGISTRY)
            print("wrote the metrics to", file)


if __name__ == "__main__":
    main()
