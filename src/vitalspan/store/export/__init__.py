"""Internal: stored history in the formats of other programs."""
