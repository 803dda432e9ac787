"""Internal: the saved state of the older monitors, read for a store."""
