"""Internal: converts a registry's metrics to OTLP and exports them."""
