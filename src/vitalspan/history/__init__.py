"""Internal: counts over time, which signals read."""
