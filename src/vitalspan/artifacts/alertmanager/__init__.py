"""Internal: the configuration of Alertmanager."""
