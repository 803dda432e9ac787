"""Internal: counts over time, which signals look back on."""
