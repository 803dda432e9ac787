"""Internal: exports stored history to the formats of other programs."""
