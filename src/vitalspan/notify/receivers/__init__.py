"""Internal: the receivers of alerts, one per file."""
