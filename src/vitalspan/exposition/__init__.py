"""Internal: metric families and the exposition formats."""
