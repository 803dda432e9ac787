"""Internal: which messages a receiver is due, and when."""
