"""A shop in Flask that real WSGI servers serve."""

from __future__ import annotations

from support.flask_application import flask_shop
from vitalspan.integrations.flask import instrument

app = flask_shop()
instrument(app, metrics_path="/metrics")
