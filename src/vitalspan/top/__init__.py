"""Internal: what `vitalspan top` and `vitalspan health` show of running services."""
