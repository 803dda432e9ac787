"""Internal: metrics of a registry as OTLP, and their export to a receiver."""
