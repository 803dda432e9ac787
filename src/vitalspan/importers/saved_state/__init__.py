"""Internal: reads the saved state of the older monitors into a store."""
