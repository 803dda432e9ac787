"""Asks a Prometheus for all that dashboards show, and says why something is not there."""
