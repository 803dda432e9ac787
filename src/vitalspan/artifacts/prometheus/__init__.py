"""Internal: rule files for Prometheus."""
