"""Internal: connects OpenTelemetry and Prometheus."""
