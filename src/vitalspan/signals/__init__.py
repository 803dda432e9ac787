"""Quantities over a window: a value in the process, and PromQL for Prometheus."""
