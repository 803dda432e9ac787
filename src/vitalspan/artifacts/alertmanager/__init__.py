"""Internal: configuration for Alertmanager."""
