"""A Flask service with /metrics and probes.

Install: pip install vitalspan flask
Run: python examples/flask_service.py
Try: curl http://127.0.0.1:5000/orders/7 http://127.0.0.1:5000/metrics
"""

import os

from flask import Flask

import vitalspan as vs
from vitalspan.integrations.flask import instrument

app = Flask(__name__)
# Every request is an operation, such as GET /orders/<int:number>. The metrics are at /metrics, and
# the probes at /metrics/-/live, /metrics/-/ready and /metrics/health.
instrument(app, metrics_path="/metrics")


@app.get("/orders/<int:number>")
def read_order(number: int) -> tuple[dict[str, int | str], int]:
    try:
        return {"number": number, "status": status_of(number)}, 200
    except TimeoutError:
        # An answer from 500 on is an error for the operation as well, though nothing is raised.
        return {"number": number, "status": "unknown"}, 503


@vs.operation("query_status", component="database")
def status_of(number: int) -> str:
    if number == 13:
        raise TimeoutError("the database did not answer")
    return "paid"


if __name__ == "__main__":
    vs.configure()  # evaluates rules and health every five seconds
    app.run(port=int(os.environ.get("PORT", "5000")))
